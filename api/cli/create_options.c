/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/create_options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/field.h"
#include "util/str.h"

/* What an option sets in the config. */
struct config_option {
    const char *option;
    const char *member;
    enum { TEXT, SIZE, COUNT, ACTION, DISK, NIC } type;
};

static const struct config_option config_options[] = {
    {"--name", "name", TEXT},           {"--uuid", "uuid", TEXT},
    {"--memory", "memoryBytes", SIZE},  {"--vcpus", "vcpus", COUNT},
    {"--kernel", "kernel", TEXT},       {"--initrd", "initrd", TEXT},
    {"--cmdline", "cmdline", TEXT},     {"--on-poweroff", "onPoweroff", ACTION},
    {"--on-reboot", "onReboot", ACTION}, {"--on-crash", "onCrash", ACTION},
    {"--disk", "disks", DISK},          {"--nic", "nics", NIC},
};

/* "target=xvda,path=/x,ro": words of key or key=value into an object. known lists the keys, flag is
 * the one that needs no value. The last value may not hold a comma: paths with one go in --file. */
static json_t *parse_words(const char *option, const char *text, const char *const known[],
                           const char *flag, const char *flag_member, struct err *err)
{
    json_t *object = json_object();
    char *copy = strdup(text);
    char *rest = NULL;

    for (char *word = copy != NULL ? strtok_r(copy, ",", &rest) : NULL; word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(word, '=');
        bool is_known = false;

        if (value == NULL && flag != NULL && strcmp(word, flag) == 0) {
            json_object_set_new(object, flag_member, json_true());
            continue;
        }
        if (value != NULL) {
            *value++ = '\0';
        }
        for (int i = 0; known[i] != NULL && value != NULL; i++) {
            is_known = is_known || strcmp(known[i], word) == 0;
        }
        if (!is_known || json_object_get(object, word) != NULL) {
            err_set(err, ERR_INVALID, "%s: \"%s\" is unknown, lacks its value or is given twice",
                    option, word);
            json_decref(object);
            object = NULL;
            break;
        }
        if (json_object_set_new(object, word, json_string(value)) != 0) {
            err_set(err, ERR_INVALID, "%s: the text is not UTF-8", option);
            json_decref(object);
            object = NULL;
            break;
        }
    }
    free(copy);
    return object;
}

static json_t *parse_value(const struct config_option *option, const char *text, struct err *err)
{
    static const char *const disk_keys[] = {"target", "path", NULL};
    static const char *const nic_keys[] = {"bridge", "mac", NULL};
    char action[48] = "END_ACTION_";
    uint64_t number;
    json_t *value;

    switch (option->type) {
    case TEXT:
        break;
    case SIZE:
        if (!str_parse_size(text, &number) || number > INT64_MAX) {
            err_set(err, ERR_INVALID, "%s: \"%s\" is not a size; 512M and 2G are", option->option,
                    text);
            return NULL;
        }
        return json_integer((json_int_t)number);
    case COUNT:
        if (!str_parse_u64(text, 0, UINT32_MAX, &number)) {
            err_set(err, ERR_INVALID, "%s: \"%s\" is not a number", option->option, text);
            return NULL;
        }
        return json_integer((json_int_t)number);
    case ACTION:
        for (size_t i = 0, used = strlen(action); text[i] != '\0' && used + 1 < sizeof(action);
             i++) {
            action[used++] = (char)toupper((unsigned char)text[i]);
        }
        text = action;
        break;
    case DISK:
        return parse_words(option->option, text, disk_keys, "ro", "readonly", err);
    case NIC:
        return parse_words(option->option, text, nic_keys, NULL, NULL, err);
    }
    value = json_string(text);
    if (value == NULL) {
        err_set(err, ERR_INVALID, "%s: the text is not UTF-8", option->option);
    }
    return value;
}

/* A file may have it in proto's spelling, "memory_bytes": the server would take that for a repetition. */
static void drop_other_spelling(json_t *config, const char *member)
{
    const char *name;
    json_t *value;
    void *next;

    json_object_foreach_safe(config, next, name, value)
    {
        char json_name[64];

        field_json_name(name, json_name, sizeof(json_name));
        if (strcmp(name, member) != 0 && strcmp(json_name, member) == 0) {
            json_object_del(config, name);
        }
    }
}

static int set_member(json_t *config, const struct config_option *option, const char *text,
                      struct err *err)
{
    json_t *value = parse_value(option, text, err);
    json_t *list;

    if (value == NULL) {
        return -(int)ERR_INVALID;
    }
    if (option->type != DISK && option->type != NIC) {
        drop_other_spelling(config, option->member);
        json_object_set_new(config, option->member, value);
        return 0;
    }
    list = json_object_get(config, option->member);
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(config, option->member, list);
    }
    json_array_append_new(list, value);
    return 0;
}

static const struct config_option *find_option(const char *word)
{
    for (size_t i = 0; i < sizeof(config_options) / sizeof(config_options[0]); i++) {
        if (strcmp(config_options[i].option, word) == 0) {
            return &config_options[i];
        }
    }
    return NULL;
}

/* The file goes first, wherever it stands: options beside it win. */
static int load_file(int argc, char **argv, json_t **config, struct err *err)
{
    json_error_t problem;

    *config = json_object();
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--file") == 0) {
            json_decref(*config);
            *config = json_load_file(argv[i + 1], JSON_REJECT_DUPLICATES, &problem);
            if (*config == NULL) {
                return err_set(err, ERR_INVALID, "%s: %s (line %d)", argv[i + 1], problem.text,
                               problem.line);
            }
            if (!json_is_object(*config)) {
                json_decref(*config);
                return err_set(err, ERR_INVALID, "%s: not a JSON object", argv[i + 1]);
            }
        }
    }
    return 0;
}

int create_options_parse(int argc, char **argv, struct create_options *options, struct err *err)
{
    int rc;

    *options = (struct create_options){0};
    rc = load_file(argc, argv, &options->config, err);
    if (rc != 0) {
        options->config = NULL;
        return rc;
    }
    for (int i = 1; rc == 0 && i < argc; i++) {
        const struct config_option *option = find_option(argv[i]);
        bool has_value = i + 1 < argc;

        if (strcmp(argv[i], "--start") == 0) {
            options->start = true;
        } else if (option == NULL && strcmp(argv[i], "--file") != 0 &&
                   strcmp(argv[i], "--idempotency-key") != 0) {
            rc = err_set(err, ERR_INVALID, "create knows no \"%s\"", argv[i]);
        } else if (!has_value) {
            rc = err_set(err, ERR_INVALID, "%s lacks its value", argv[i]);
        } else if (option != NULL) {
            rc = set_member(options->config, option, argv[++i], err);
        } else if (strcmp(argv[i++], "--idempotency-key") == 0) {
            options->idempotency_key = argv[i];
        }
    }
    if (rc == 0 && json_object_get(options->config, "vcpus") == NULL) {
        json_object_set_new(options->config, "vcpus", json_integer(1));
    }
    if (rc != 0) {
        json_decref(options->config);
        options->config = NULL;
    }
    return rc;
}
