#include "serving-layer/openapi_parts.h"

#include <assert.h>
#include <string.h>

#include "serving-layer/json_out.h"

void part_comma(struct bytes *out)
{
    char last = out->at[out->n - 1];
    if (last != '{' && last != '[' && last != ':')
        json_put(out, ",");
}

void part_key(struct bytes *out, struct text name)
{
    part_comma(out);
    json_put_text(out, name);
    json_put(out, ":");
}

void part_open(struct bytes *out, const char *name, const char *bracket)
{
    part_key(out, text_of(name));
    json_put(out, bracket);
}

void part_text(struct bytes *out, const char *name, const char *value)
{
    part_key(out, text_of(name));
    json_put_text(out, text_of(value));
}

void part_int(struct bytes *out, const char *name, int64_t value)
{
    part_key(out, text_of(name));
    json_put_int(out, value);
}

bool part_next(const char **list, struct text *one)
{
    if (!*list || !**list)
        return false;
    *one = (struct text){*list, strcspn(*list, "|")};
    *list += one->n + ((*list)[one->n] == '|');
    return true;
}

void part_reference(struct bytes *out, const char *kind, struct text name)
{
    json_put(out, "{\"$ref\":\"#/components/");
    json_put(out, kind);
    json_put(out, "/");
    bytes_put_text(out, name);
    json_put(out, "\"}");
}

/* ---- parameters ---- */

static void choices_put(struct bytes *out, const char *choices)
{
    struct text one;
    part_open(out, "enum", "[");
    while (part_next(&choices, &one)) {
        part_comma(out);
        json_put_text(out, one);
    }
    json_put(out, "]");
}

/* The limit is in bytes, JSON Schema's in characters: the first is said beside it. */
static void length_put(struct bytes *out, const struct parameter_row *row)
{
    part_int(out, "minLength", row->min);
    part_int(out, "maxLength", row->max);
    part_int(out, "x-max-bytes", row->max);
    part_text(out, "pattern",
              row->type == PARAMETER_ID ? "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" : "^[^\\u0000]*$");
    if (strcmp(row->name, "cursor") == 0)
        part_text(out, "format", "cursor"); /* taken from an answer, not made up */
}

static void value_schema_put(struct bytes *out, const struct parameter_row *row)
{
    bool is_number = row->type == PARAMETER_INT || row->type == PARAMETER_FLAG;
    json_put(out, "{");
    part_text(out, "type", is_number ? "integer" : "string");
    if (row->type == PARAMETER_INT) {
        part_int(out, "minimum", row->min);
        part_int(out, "maximum", row->max);
    } else if (row->type == PARAMETER_FLAG) {
        part_open(out, "enum", "[0,1]");
    } else if (row->type == PARAMETER_CHOICE) {
        choices_put(out, row->choices);
    } else if (row->type == PARAMETER_CURRENCY) {
        part_text(out, "pattern", "^[A-Z]{3}$");
    } else {
        length_put(out, row);
    }
    if (row->initial) {
        part_key(out, text_of("default"));
        if (is_number)
            json_put(out, row->initial);
        else
            json_put_text(out, text_of(row->initial));
    }
    json_put(out, "}");
}

static void query_parameter_put(struct bytes *out, const struct parameter_row *row)
{
    part_comma(out);
    json_put(out, "{");
    part_text(out, "name", row->name);
    part_text(out, "in", "query");
    part_text(out, "description", row->sentence);
    if (row->needed)
        json_put(out, ",\"required\":true");
    if (row->repeatable)
        json_put(out, ",\"style\":\"form\",\"explode\":true");
    part_open(out, "schema", "");
    if (row->repeatable) {
        json_put(out, "{\"type\":\"array\"");
        part_int(out, "maxItems", REQUEST_REPEATS);
        part_open(out, "items", "");
        value_schema_put(out, row);
        json_put(out, "}");
    } else {
        value_schema_put(out, row);
    }
    json_put(out, "}");
}

static void path_parameter_put(struct bytes *out, struct text name)
{
    const struct parameter_row *row = route_path_parameter(name);
    assert(row); /* a pattern names what routes.c has no row for */
    part_comma(out);
    json_put(out, "{");
    part_text(out, "name", row->name);
    part_text(out, "in", "path");
    json_put(out, ",\"required\":true");
    part_text(out, "description", row->sentence);
    if (row->example)
        part_text(out, "example", row->example);
    part_open(out, "schema", "");
    if (text_equal(name, text_of("view")))
        part_reference(out, "schemas", text_of("ViewName"));
    else
        value_schema_put(out, row);
    json_put(out, "}");
}

void part_parameters(struct bytes *out, const struct route *route)
{
    const char *headers = route->takes;
    struct text name;
    part_open(out, "parameters", "[");
    for (const char *at = route->pattern; route_next_name(&at, &name);)
        path_parameter_put(out, name);
    for (int t = 0; t < ROUTE_TABLES; t++)
        for (const struct parameter_row *row = route->parameters[t]; row && row->name; row++)
            query_parameter_put(out, row);
    if (route->etag) {
        part_comma(out);
        part_reference(out, "parameters", text_of("If-None-Match"));
    }
    while (part_next(&headers, &name)) {
        part_comma(out);
        part_reference(out, "parameters", name);
    }
    json_put(out, "]");
}
