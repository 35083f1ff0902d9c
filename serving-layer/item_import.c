#include "serving-layer/item_import.h"

#include <stdio.h>
#include <stdlib.h>

#include "serving-layer/json_out.h"
#include "views/csv.h"
#include "views/names.h"

void item_import_free(struct item_import *import)
{
    for (size_t i = 0; i < import->n_drafts; i++)
        item_draft_free(&import->draft[i]);
    free(import->draft);
    free(import->item);
    free(import->line_of);
    names_free(import->ids);
    bytes_free(&import->errors);
    *import = (struct item_import){0};
}

/* ---- a line ---- */

static void refuse(struct item_import *import, int64_t line, const struct item_fault *fault)
{
    struct bytes *errors = &import->errors;
    if (import->refused++ >= IMPORT_ERRORS_SHOWN)
        return;
    json_put(errors, errors->n ? ",\n{\"line\":" : "\n{\"line\":");
    json_put_int(errors, line);
    if (fault->field[0]) {
        json_put(errors, ",\"field\":");
        json_put_text(errors, text_of(fault->field));
    }
    json_put(errors, ",\"detail\":");
    json_put_text(errors, text_of(fault->detail));
    json_put(errors, "}");
}

static void refuse_item(struct item_import *import, int64_t line, const char *detail)
{
    struct item_fault fault = {.field = "item"};
    snprintf(fault.detail, sizeof fault.detail, "%s", detail);
    refuse(import, line, &fault);
}

/* Does the id stand in a line before? */
static bool is_repeated(struct item_import *import, int64_t line, struct text id)
{
    if (!import->ids)
        import->ids = names_new();
    uint32_t known = names_count(import->ids), symbol = names_put(import->ids, id);
    if (symbol < known) {
        char detail[64];
        snprintf(detail, sizeof detail, "stands in line %lld already",
                 (long long)import->line_of[symbol]);
        refuse_item(import, line, detail);
        return true;
    }
    import->line_of =
        grown(import->line_of, &import->line_of_cap, known + 1, sizeof *import->line_of);
    import->line_of[symbol] = line;
    return false;
}

/* A draft that was read well. */
static void draft_take(struct item_import *import, int64_t line, const struct item_draft *draft)
{
    struct item item = {.price = -1, .created_ms = -1, .available = true};
    struct item_fault fault;
    if (!(draft->given & 1U << ITEM_ITEM)) {
        refuse_item(import, line, "is missing");
        return;
    }
    if (is_repeated(import, line, draft->item.item))
        return;
    item_draft_apply(draft, &item);
    item.item = draft->item.item;
    if (item_check(&item, &fault)) {
        refuse(import, line, &fault);
        return;
    }
    import->item = grown(import->item, &import->item_cap, import->n + 1, sizeof *import->item);
    import->item[import->n++] = item;
}

static struct item_draft *draft_new(struct item_import *import)
{
    import->draft =
        grown(import->draft, &import->draft_cap, import->n_drafts + 1, sizeof *import->draft);
    import->draft[import->n_drafts] = (struct item_draft){0};
    return &import->draft[import->n_drafts++];
}

/* ---- NDJSON ---- */

static bool is_blank(struct text line)
{
    size_t i = 0;
    while (i < line.n && (line.at[i] == ' ' || line.at[i] == '\t' || line.at[i] == '\r'))
        i++;
    return i == line.n;
}

int item_import_ndjson(struct item_import *import, struct text body)
{
    for (int64_t number = 1; body.n > 0; number++) {
        const char *end = memchr(body.at, '\n', body.n);
        struct text line = {body.at, end ? (size_t)(end - body.at) : body.n};
        size_t used = line.n + (end ? 1 : 0);
        struct item_fault fault;
        body = (struct text){body.at + used, body.n - used};
        if (is_blank(line))
            continue;
        if (import->lines++ == IMPORT_LINES_MAX)
            return -1;
        struct item_draft *draft = draft_new(import);
        if (item_draft_json(draft, line, false, &fault))
            refuse(import, number, &fault);
        else
            draft_take(import, number, draft);
    }
    return 0;
}

/* ---- CSV ---- */

static int next_byte(void *from)
{
    struct text *rest = from;
    if (rest->n == 0)
        return CSV_END;
    rest->n--;
    return (unsigned char)*rest->at++;
}

struct header {
    unsigned n;
    enum item_field field[CSV_FIELDS];
};

/* -1: it is none, and that is reported. */
static int header_take(struct item_import *import, const struct csv_record *record,
                       struct header *header)
{
    struct item_fault fault = {.field = ""};
    unsigned seen = 0;
    header->n = record->n;
    if (record->fault)
        snprintf(fault.detail, sizeof fault.detail, "%s", record->fault);
    for (unsigned i = 0; i < record->n && !fault.detail[0]; i++) {
        enum item_field field = header->field[i] = item_field_find(record->field[i]);
        if (field == ITEM_FIELDS || seen >> field & 1)
            snprintf(fault.detail, sizeof fault.detail, "column %u of the first line is %s", i + 1,
                     field == ITEM_FIELDS ? "no field of an item" : "there twice");
        else
            seen |= 1U << field;
    }
    if (!fault.detail[0] && !(seen & 1U << ITEM_ITEM))
        snprintf(fault.detail, sizeof fault.detail, "the first line has no column named item");
    if (!fault.detail[0])
        return 0;
    import->no_head = true;
    refuse(import, record->line, &fault);
    return -1;
}

static void record_take(struct item_import *import, const struct csv_record *record,
                        const struct header *header)
{
    struct item_fault fault = {.field = ""};
    size_t bytes = 0;
    if (record->fault || record->n != header->n) {
        if (record->fault)
            snprintf(fault.detail, sizeof fault.detail, "%s", record->fault);
        else
            snprintf(fault.detail, sizeof fault.detail, "has %u fields, the first line has %u",
                     record->n, header->n);
        refuse(import, record->line, &fault);
        return;
    }
    struct item_draft *draft = draft_new(import);
    for (unsigned i = 0; i < record->n; i++)
        bytes += record->field[i].n;
    item_draft_begin(draft, bytes);
    for (unsigned i = 0; i < record->n; i++)
        if (record->field[i].n &&
            item_draft_put(draft, header->field[i], record->field[i], &fault)) {
            refuse(import, record->line, &fault);
            return;
        }
    draft_take(import, record->line, draft);
}

static int records_take(struct item_import *import, struct csv *csv)
{
    struct csv_record record;
    struct header header;
    if (!csv_next(csv, &record) || header_take(import, &record, &header))
        return 0;
    while (csv_next(csv, &record)) {
        if (!record.fault && record.n == 1 && record.field[0].n == 0)
            continue;
        if (import->lines++ == IMPORT_LINES_MAX)
            return -1;
        record_take(import, &record, &header);
    }
    return 0;
}

int item_import_csv(struct item_import *import, struct text body)
{
    if (body.n >= 3 && memcmp(body.at, "\xef\xbb\xbf", 3) == 0) /* spreadsheets write one */
        body = (struct text){body.at + 3, body.n - 3};
    struct csv *csv = csv_new(next_byte, &body);
    int failed = records_take(import, csv);
    csv_free(csv);
    return failed;
}
