/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a request body. What is accepted must come back the same when it is written and read again.
 * The first byte chooses the type of the message.
 */
#include <string.h>

#include "json/json_map.h"
#include "nether/v1/domain.pb-c.h"
#include "sample.pb-c.h"
#include "util/tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCMessageDescriptor *type;
    ProtobufCMessage *message;
    ProtobufCMessage *again;
    struct err err = {0};
    char *text;
    char *text_again;
    int rc;

    if (size == 0) {
        return 0;
    }
    type = (data[0] & 1) != 0 ? &sample__everything__descriptor
                              : &nether__v1__domain_config__descriptor;
    rc = json_map_decode(type, (const char *)data + 1, size - 1, &message, &err);
    if (rc != 0) {
        fuzz_check(rc == -(int)err.code && err.message[0] != '\0');
        return 0;
    }
    fuzz_check(json_map_encode(message, &text, &err) == 0);
    fuzz_check(json_map_decode(type, text, strlen(text), &again, &err) == 0);
    fuzz_check(json_map_encode(again, &text_again, &err) == 0);
    fuzz_check(strcmp(text, text_again) == 0);
    free(text);
    free(text_again);
    protobuf_c_message_free_unpacked(message, NULL);
    protobuf_c_message_free_unpacked(again, NULL);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *out, size_t room)
{
    static const char *const texts[] = {
        ("0{\"name\":\"web\",\"memoryBytes\":\"268435456\",\"vcpus\":1,\"kernel\":\"/k\",\"initrd\":\"/i\","
        "\"cmdline\":\"console=hvc0\",\"disks\":[{\"target\":\"xvda\",\"path\":\"/d\",\"readonly\":true}],"
        "\"nics\":[{\"bridge\":\"br0\",\"mac\":\"00:16:3e:00:00:01\"}],\"onCrash\":\"END_ACTION_KEEP\"}"),
        "0{\"name\":null,\"memory_bytes\":1,\"on_reboot\":1}",
        ("1{\"small\":-2147483648,\"natural\":4294967295,\"big\":\"-9223372036854775808\","
        "\"bigNatural\":\"18446744073709551615\",\"f\":1.5e38,\"d\":\"-Infinity\",\"yes\":true,"
        "\"text\":\"a\\u00e9\\ud83d\\ude00\",\"raw\":\"AAECAw==\",\"color\":\"COLOR_RED\"}"),
        ("1{\"numbers\":[1,\"2\",3],\"words\":[\"\",\"x\"],\"children\":[{\"child\":{\"child\":{}}}],"
        "\"rightSide\":\"r\",\"colors\":[0,\"COLOR_RED\"],\"blobs\":[\"\",\"Zg==\"]}"),
        "1{\"d\":\"NaN\",\"left\":7,\"f\":0.1,\"big\":9007199254740993}",
    };
    size_t length = index < sizeof(texts) / sizeof(texts[0]) ? strlen(texts[index]) : 0;

    fuzz_check(length <= room);
    memcpy(out, texts[length > 0 ? index : 0], length);
    return length;
}
