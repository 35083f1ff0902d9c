/*
 * uci: a row of the "Online Retail" data set of UCI as an event:
 *   InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
 *   type      refund if the invoice begins with C, else purchase
 *   event_id  invoice "-" line of the invoice (from 1, counted over the whole file)
 *   user      CustomerID, or "guest-" invoice;   item StockCode;   order invoice;   country as it stands
 *   quantity  without sign;   price in pence, rounded half up from the decimal text;   currency GBP
 *   ts        InvoiceDate as UTC, plus the line of the invoice in ms
 * Pure but for the memory of each invoice's lines. What the fields may hold is decided by views/event.h, not here.
 */
#ifndef TANDEM_TOOLS_UCI_H
#define TANDEM_TOOLS_UCI_H

#include "views/csv.h"
#include "views/event.h"

#define UCI_HEADER \
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

struct uci;

struct uci *uci_new(void);
void uci_free(struct uci *uci);

/* 0: `event` is set, `title` is the description; their texts lie in the record and in `uci` until the next call. -1: `why`. */
int uci_event(struct uci *uci, const struct csv_record *record, struct event *event,
              struct text *title, struct event_error *why);

/* "2.55" -> 255, "0.005" -> 1, "0.0049" -> 0; -1: no decimal number, negative or above 10^15. */
int64_t uci_pence(struct text decimal);

/* "2010-12-01 08:26:00" or "12/1/2010 8:26" -> ms since 1970 UTC; -1: neither. */
int64_t uci_time(struct text date);

#endif
