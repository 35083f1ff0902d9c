#include "tools/uci.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "views/bytes.h"
#include "views/names.h"

enum { INVOICE, STOCK_CODE, DESCRIPTION, QUANTITY, DATE, PRICE, CUSTOMER, COUNTRY, FIELDS };

struct uci {
    struct names *invoices;
    int64_t
        *lines; /* by the invoice's symbol: lines so far. Rows of an invoice need not be adjacent */
    size_t cap;
    struct bytes event_id, guest;
};

struct uci *uci_new(void)
{
    struct uci *uci = xcalloc(1, sizeof *uci);
    uci->invoices = names_new();
    return uci;
}

void uci_free(struct uci *uci)
{
    if (!uci)
        return;
    names_free(uci->invoices);
    free(uci->lines);
    bytes_free(&uci->event_id);
    bytes_free(&uci->guest);
    free(uci);
}

static int64_t next_line(struct uci *uci, struct text invoice)
{
    uint32_t known = names_count(uci->invoices);
    uint32_t symbol = names_put(uci->invoices, invoice);
    if (symbol >= known) {
        uci->lines = grown(uci->lines, &uci->cap, symbol + 1, sizeof *uci->lines);
        uci->lines[symbol] = 0;
    }
    return ++uci->lines[symbol];
}

/* ---- numbers and dates ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Cuts a number of 1 to `max_digits` digits off the front; -1: there is none. */
static int64_t cut_number(struct text *rest, size_t max_digits)
{
    int64_t value = 0;
    size_t n = 0;
    while (n < rest->n && n < max_digits && is_digit(rest->at[n]))
        value = value * 10 + (rest->at[n++] - '0');
    rest->at += n;
    rest->n -= n;
    return n ? value : -1;
}

static bool cut_char(struct text *rest, char c)
{
    if (rest->n == 0 || *rest->at != c)
        return false;
    rest->at++;
    rest->n--;
    return true;
}

int64_t uci_pence(struct text decimal)
{
    int64_t pounds = cut_number(&decimal, 13);
    if (pounds < 0)
        return -1;
    if (decimal.n == 0)
        return pounds * 100;
    if (!cut_char(&decimal, '.') || decimal.n == 0)
        return -1;
    char places[3] =
        "000"; /* two that count, one that rounds: what comes behind cannot change half up */
    for (size_t i = 0; i < decimal.n; i++) {
        if (!is_digit(decimal.at[i]))
            return -1;
        if (i < sizeof places)
            places[i] = decimal.at[i];
    }
    return pounds * 100 + (places[0] - '0') * 10 + (places[1] - '0') + (places[2] >= '5');
}

/* Days since 1970 of a date of the Gregorian calendar: years begin in March, so that the leap day is a year's last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static bool is_date(int64_t year, int64_t month, int64_t day)
{
    static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1970 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && leap);
}

int64_t uci_time(struct text date)
{
    int64_t a = cut_number(&date, 4);
    char between = date.n ? *date.at : 0;
    bool iso = between == '-';
    if (!iso && between != '/')
        return -1;
    cut_char(&date, between);
    int64_t b = cut_number(&date, 2);
    if (!cut_char(&date, between))
        return -1;
    int64_t c = cut_number(&date, 4);
    int64_t year = iso ? a : c, month = iso ? b : a, day = iso ? c : b;
    if (!cut_char(&date, ' '))
        return -1;
    int64_t hour = cut_number(&date, 2);
    if (!cut_char(&date, ':'))
        return -1;
    int64_t minute = cut_number(&date, 2);
    int64_t second = cut_char(&date, ':') ? cut_number(&date, 2) : 0;
    if (date.n || !is_date(year, month, day) || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 59)
        return -1;
    return ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60000 + second * 1000;
}

/* ---- the row ---- */

static int refuse(struct event_error *why, const char *field, const char *reason)
{
    *why = (struct event_error){field, reason};
    return -1;
}

/* Without sign; -1: no whole number. */
static int64_t quantity_of(struct text t)
{
    cut_char(&t, '-');
    int64_t quantity = cut_number(&t, 15);
    return t.n ? -1 : quantity;
}

static void set_texts(struct uci *uci, const struct csv_record *record, int64_t line,
                      struct event *event)
{
    struct text invoice = record->field[INVOICE];
    char behind[24];
    int n = snprintf(behind, sizeof behind, "-%lld", (long long)line);
    bytes_clear(&uci->event_id);
    bytes_put_text(&uci->event_id, invoice);
    bytes_put(&uci->event_id, behind, (size_t)n);
    bytes_clear(&uci->guest);
    bytes_put_text(&uci->guest, text_of("guest-"));
    bytes_put_text(&uci->guest, invoice);
    event->event_id = bytes_text(&uci->event_id);
    event->user = record->field[CUSTOMER].n ? record->field[CUSTOMER] : bytes_text(&uci->guest);
    event->item = record->field[STOCK_CODE];
    event->order = invoice;
    event->country = record->field[COUNTRY];
    event->currency = text_of("GBP");
    event->device = text_of("-");
}

int uci_event(struct uci *uci, const struct csv_record *record, struct event *event,
              struct text *title, struct event_error *why)
{
    if (record->fault)
        return refuse(why, "row", record->fault);
    if (record->n != FIELDS)
        return refuse(why, "row", "has not 8 fields");
    struct text invoice = record->field[INVOICE];
    if (invoice.n == 0)
        return refuse(why, "InvoiceNo", "is empty");
    int64_t line = next_line(uci, invoice);
    *event = (struct event){.type = *invoice.at == 'C' ? EVENT_REFUND : EVENT_PURCHASE};
    set_texts(uci, record, line, event);
    event->quantity = quantity_of(record->field[QUANTITY]);
    if (event->quantity < 0)
        return refuse(why, "Quantity", "is not a whole number");
    event->ts = uci_time(record->field[DATE]);
    if (event->ts < 0)
        return refuse(why, "InvoiceDate", "is not a date and time");
    event->ts += line;
    if (record->field[PRICE].n && *record->field[PRICE].at == '-')
        return refuse(why, "UnitPrice", "is negative");
    event->price = uci_pence(record->field[PRICE]);
    if (event->price < 0)
        return refuse(why, "UnitPrice", "is not a decimal number");
    *title = record->field[DESCRIPTION];
    return 0;
}
