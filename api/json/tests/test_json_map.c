/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for the JSON mapping: what is written, what is read back, what is refused and where. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "json/base64.h"
#include "json/json_map.h"
#include "sample.pb-c.h"

#define TYPE (&sample__everything__descriptor)

static struct err err;

static ProtobufCMessage *decode(const char *text)
{
    ProtobufCMessage *message;

    err_clear(&err);
    if (json_map_decode(TYPE, text, strlen(text), &message, &err) != 0) {
        return NULL;
    }
    return message;
}

static Sample__Everything *decoded(const char *text)
{
    ProtobufCMessage *message = decode(text);

    cr_assert_not_null(message, "%s: %s", text, err.message);
    return (Sample__Everything *)message;
}

static void forget(Sample__Everything *message)
{
    protobuf_c_message_free_unpacked(&message->base, NULL);
}

Test(json_map, every_kind_is_read)
{
    Sample__Everything *m = decoded(
        "{\"small\":-5,\"natural\":4294967295,\"big\":\"-9223372036854775808\","
        "\"bigNatural\":\"18446744073709551615\",\"f\":0.5,\"d\":-1e3,\"yes\":true,"
        "\"text\":\"h\\u00e9\",\"raw\":\"AAEC/w==\",\"color\":\"COLOR_RED\",\"numbers\":[1,\"2\"],"
        "\"words\":[\"a\",\"\"],\"children\":[{\"small\":1},{}],\"child\":{\"text\":\"deep\"},"
        "\"rightSide\":\"r\",\"colors\":[1,\"COLOR_NONE\"],\"blobs\":[\"AA\"]}");

    cr_expect_eq(m->small, -5);
    cr_expect_eq(m->natural, UINT32_MAX);
    cr_expect_eq(m->big, INT64_MIN);
    cr_expect_eq(m->big_natural, UINT64_MAX);
    cr_expect_eq(m->f, 0.5f);
    cr_expect_eq(m->d, -1000.0);
    cr_expect(m->yes);
    cr_expect_str_eq(m->text, "h\xc3\xa9");
    cr_expect_eq(m->raw.len, 4);
    cr_expect_eq(m->raw.data[3], 0xff);
    cr_expect_eq(m->color, SAMPLE__COLOR__COLOR_RED);
    cr_assert_eq(m->n_numbers, 2);
    cr_expect_eq(m->numbers[1], 2);
    cr_assert_eq(m->n_words, 2);
    cr_assert_eq(m->n_children, 2);
    cr_expect_eq(m->children[0]->small, 1);
    cr_expect_str_eq(m->child->text, "deep");
    cr_expect_eq(m->choice_case, SAMPLE__EVERYTHING__CHOICE_RIGHT_SIDE);
    cr_expect_str_eq(m->right_side, "r");
    cr_expect_eq(m->n_colors, 2);
    cr_expect_eq(m->blobs[0].len, 1);
    forget(m);
}

Test(json_map, null_stands_for_the_default)
{
    Sample__Everything *m = decoded("{\"small\":null,\"text\":null,\"words\":null,\"child\":null}");

    cr_expect_eq(m->small, 0);
    cr_expect_str_eq(m->text, "");
    cr_expect_null(m->child);
    forget(m);
}

Test(json_map, what_is_written_is_read_back_the_same)
{
    const char *texts[] = {
        "{}",
        "{\"big_natural\":\"18446744073709551615\",\"left\":0}",
        "{\"children\":[{\"children\":[{\"words\":[\"x\"]}]}],\"raw\":\"AAEC/w==\"}",
        "{\"f\":1.5,\"d\":\"Infinity\",\"color\":1}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        Sample__Everything *first = decoded(texts[i]);
        Sample__Everything *second;
        char *once, *twice;

        cr_assert_eq(json_map_encode(&first->base, &once, &err), 0);
        second = decoded(once);
        cr_assert_eq(json_map_encode(&second->base, &twice, &err), 0);
        cr_expect_str_eq(once, twice);
        free(once);
        free(twice);
        forget(first);
        forget(second);
    }
}

Test(json_map, output_has_json_names_and_64_bit_strings)
{
    Sample__Everything m = SAMPLE__EVERYTHING__INIT;
    char *text;

    m.big_natural = 5;
    m.choice_case = SAMPLE__EVERYTHING__CHOICE_LEFT;
    m.text = "not utf-8: \xff";
    cr_assert_eq(json_map_encode(&m.base, &text, &err), 0);
    cr_expect_not_null(strstr(text, "\"bigNatural\":\"5\""), "%s", text);
    cr_expect_not_null(strstr(text, "\"left\":0"), "a set oneof member is written though 0");
    cr_expect_null(strstr(text, "rightSide"));
    cr_expect_null(strstr(text, "\"child\":"));
    cr_expect_not_null(strstr(text, "\"color\":\"COLOR_NONE\""));
    cr_expect_not_null(strstr(text, "\"words\":[]"));
    cr_expect_not_null(strstr(text, "not utf-8: ?"));
    free(text);
}

struct refusal {
    const char *text;
    const char *field;
};

Test(json_map, bad_input_is_refused_where_it_is)
{
    const struct refusal refusals[] = {
        {"", ""},
        {"nonsense", ""},
        {"[]", ""},
        {"{\"small\":1} trailing", ""},
        {"{\"small\":1,\"small\":2}", ""},
        {"{\"text\":\"\\u0000\"}", ""},
        {"{\"unknown\":1}", "unknown"},
        {"{\"small\":\"x\"}", "small"},
        {"{\"small\":1.5}", "small"},
        {"{\"small\":2147483648}", "small"},
        {"{\"small\":true}", "small"},
        {"{\"small\":\" 1\"}", "small"},
        {"{\"natural\":-1}", "natural"},
        {"{\"natural\":4294967296}", "natural"},
        {"{\"big\":\"9223372036854775808\"}", "big"},
        {"{\"big_natural\":\"-1\"}", "big_natural"},
        {"{\"big_natural\":\"18446744073709551616\"}", "big_natural"},
        {"{\"big_natural\":\"0x10\"}", "big_natural"},
        {"{\"big_natural\":\"\"}", "big_natural"},
        {"{\"bigNatural\":1,\"big_natural\":1}", "big_natural"},
        {"{\"yes\":1}", "yes"},
        {"{\"text\":5}", "text"},
        {"{\"raw\":\"A\"}", "raw"},
        {"{\"raw\":\"A$==\"}", "raw"},
        {"{\"color\":\"RED\"}", "color"},
        {"{\"color\":7}", "color"},
        {"{\"numbers\":1}", "numbers"},
        {"{\"numbers\":[1,-1]}", "numbers[1]"},
        {"{\"numbers\":[null]}", "numbers[0]"},
        {"{\"words\":[\"a\",1]}", "words[1]"},
        {"{\"children\":[{},{\"child\":{\"words\":[0]}}]}", "children[1].child.words[0]"},
        {"{\"child\":[]}", "child"},
        {"{\"left\":1,\"right_side\":\"x\"}", "right_side"},
        {"{\"blobs\":[\"AA\",\"?\"]}", "blobs[1]"},
    };

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        ProtobufCMessage *message = decode(refusals[i].text);

        cr_assert_null(message, "%s was taken", refusals[i].text);
        cr_expect_eq(err.code, ERR_INVALID, "%s", refusals[i].text);
        cr_expect_str_eq(err.field, refusals[i].field, "%s: %s", refusals[i].text, err.message);
        cr_expect_str_not_empty(err.message);
    }
}

Test(json_map, nesting_is_bounded)
{
    char text[4096] = "";
    ProtobufCMessage *message;

    for (int i = 0; i < 100; i++) {
        strcat(text, "{\"child\":");
    }
    strcat(text, "{}");
    for (int i = 0; i < 100; i++) {
        strcat(text, "}");
    }
    message = decode(text);
    cr_expect_null(message);
    cr_expect_not_null(strstr(err.message, "nested too deeply"), "%s", err.message);
}

Test(json_map, base64_of_the_standard_and_without_padding)
{
    const char *plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"}; /* RFC 4648, 10 */
    const char *coded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};

    for (int i = 0; i < 7; i++) {
        char *text = base64_encode((const uint8_t *)plain[i], strlen(plain[i]));
        uint8_t *bytes;
        size_t size;

        cr_expect_str_eq(text, coded[i]);
        cr_assert(base64_decode(text, strcspn(text, "="), &bytes, &size));
        cr_expect_eq(size, strlen(plain[i]));
        cr_expect_eq(memcmp(bytes, plain[i], size), 0);
        free(text);
        free(bytes);
    }
}
