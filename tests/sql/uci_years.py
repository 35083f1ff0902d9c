"""UCI Online Retail, year after year: the same shop, as CSV of its form, but with other customers, invoices and dates in each."""
import csv
import datetime
import io
import lzma
import re
import sys

DAYS = 374  # what the file covers
HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def rows_of(path):
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    dates = {}
    for row in rows:
        dates[row[4]] = datetime.datetime.fromisoformat(row[4])
    return rows, dates


def year_of(rows, dates, year):
    """Lines of one year."""
    day = {text: (date + datetime.timedelta(days=DAYS * year)).isoformat(" ") for text, date in dates.items()}
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    for invoice, item, title, quantity, date, price, customer, country in rows:
        letter, number = re.match(r"(\D*)(.*)", invoice).groups()
        write((f"{letter}{year}{number}", item, title, quantity, day[date], price, f"{year}{customer}" if customer else "", country))
        if out.tell() > 1 << 20:
            yield from out.getvalue().splitlines(keepends=True)
            out.seek(0)
            out.truncate()
    yield from out.getvalue().splitlines(keepends=True)


def lines_of(path):
    """All years' lines, without end, without the head."""
    rows, dates = rows_of(path)
    year = 0
    while True:
        print(f"   year {year} of the shop", file=sys.stderr, flush=True)
        yield from year_of(rows, dates, year)
        year += 1
