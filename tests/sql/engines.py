"""The views in SQL, by Postgres over the master dataset and by DuckDB over a file of it, and what Tandem's batch view has."""
import csv
import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VIEWS = ["users", "item_users", "together", "bought_users", "bought_together", "next",
         "popular", "popular_country", "traffic_country", "traffic_device", "revenue_country", "revenue_device"]
ALL = " UNION ALL ".join(f"""SELECT '{view}' AS view, "group", member, value FROM view_{view}""" for view in VIEWS)
COMPARE = f"""SELECT view, count(*), count(*) FILTER (WHERE s.value IS DISTINCT FROM t.value)
    FROM ({ALL}) s FULL JOIN tandem t USING (view, "group", member) GROUP BY view"""
# Three things that a comparison must notice: a counter that is another, one that is not there, one that should not be there.
BREAK = """UPDATE tandem SET value = value + 1 WHERE view = 'users';
    DELETE FROM tandem WHERE view = 'item_users' AND member = (SELECT min(member) FROM tandem WHERE view = 'item_users');
    INSERT INTO tandem VALUES ('next', 'no such item', 'x', 1);"""
EVENTS = """SELECT partition, "offset", type, event_id, "user", item, ts, quantity, price, currency, country, device FROM events"""
EVENT_TYPES = {"partition": "SMALLINT", "offset": "BIGINT", "type": "SMALLINT", "event_id": "VARCHAR", "user": "VARCHAR", "item": "VARCHAR",
               "ts": "BIGINT", "quantity": "BIGINT", "price": "BIGINT", "currency": "VARCHAR", "country": "VARCHAR", "device": "VARCHAR"}


def text_of(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


# ---- Tandem's own ----


def entries(row):
    """views/row.h: length, member, zigzag varint."""
    at = 0
    while at < len(row):
        end = at + 1 + row[at]
        member, shift, value = row[at + 1:end].decode(), 0, 0
        at = end
        while True:
            value |= (row[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if row[at - 1] < 128:
                break
        yield member, value >> 1 ^ -(value & 1)


def write_tandem(postgres, path):
    """All counters of the batch view as CSV; the pieces of a group are summed. Returns how many."""
    query = """COPY (SELECT view, "group", encode(counters, 'hex') FROM view_row ORDER BY view, "group") TO STDOUT (FORMAT csv)"""
    process = subprocess.Popen(["psql", "-Xq", postgres, "-c", query], stdout=subprocess.PIPE, text=True, encoding="utf-8")
    counters = 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, quoting=csv.QUOTE_ALL).writerow
        csv.field_size_limit(1 << 31)
        key, sums = None, {}
        for view, group, packed in csv.reader(process.stdout):
            if (view, group) != key:
                counters += put(write, key, sums)
                key, sums = (view, group), {}
            for member, value in entries(bytes.fromhex(packed)):
                sums[member] = sums.get(member, 0) + value
        counters += put(write, key, sums)
    if process.wait():
        raise RuntimeError("the batch view could not be read")
    return counters


def put(write, key, sums):
    kept = [(member, value) for member, value in sums.items() if value]
    for member, value in kept:
        write((*key, member, value))
    return len(kept)


# ---- the two engines: connect, read, compute, compare ----


class Postgres:
    name = "Postgres SQL"

    def __init__(self, postgres, workers):
        self.postgres = postgres
        self.settings = (f"SET max_parallel_workers_per_gather = {workers - 1}; SET work_mem = '512MB'; SET client_min_messages = warning;"
                         "SET search_path = sql, public;")
        self.psql("CREATE SCHEMA IF NOT EXISTS sql")

    def psql(self, sql):
        return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.postgres], input=self.settings + sql, text=True,
                              stdout=subprocess.PIPE, check=True).stdout

    def read(self):
        """Nothing: it has them."""

    def compute(self):
        self.psql("".join(map(text_of, ("repeated.postgres.sql", "windows.sql", "bought.postgres.sql", "views.sql"))))

    def compare(self, tandem):
        self.psql(f"""CREATE TABLE tandem (view text, "group" text, member text, value int8);
            \\copy tandem FROM '{tandem}' (FORMAT csv)\n""")
        return self.differences()

    def differences(self):
        lines = self.psql(COMPARE).splitlines()
        return {view: (int(n), int(differing)) for view, n, differing in (line.split("|") for line in lines)}

    def repeated(self):
        return int(self.psql("SELECT count(*) FROM repeated"))

    def break_it(self):
        self.psql(BREAK)


class Duckdb:
    name = "DuckDB"

    def __init__(self, postgres, workers, folder):
        import duckdb  # pylint: disable=import-outside-toplevel
        self.postgres, self.csv = postgres, os.path.join(folder, "events.csv")
        self.db = duckdb.connect(os.path.join(folder, "views.duckdb"), config={"threads": workers, "memory_limit": "6GB"})

    def read(self):
        with open(self.csv, "wb") as file:
            subprocess.run(["psql", "-Xq", self.postgres, "-c", f"COPY ({EVENTS}) TO STDOUT (FORMAT csv)"], stdout=file, check=True)
        self.db.execute(f"CREATE TABLE events AS SELECT * FROM read_csv('{self.csv}', header = false, quote = '\"', escape = '\"', columns = {EVENT_TYPES})")

    def compute(self):
        for name in ("repeated.duckdb.sql", "windows.sql", "bought.duckdb.sql", "views.sql"):
            self.db.execute(text_of(name))

    def compare(self, tandem):
        columns = {"view": "VARCHAR", "group": "VARCHAR", "member": "VARCHAR", "value": "BIGINT"}
        self.db.execute(f"CREATE TABLE tandem AS SELECT * FROM read_csv('{tandem}', header = false, quote = '\"', escape = '\"', columns = {columns})")
        return self.differences()

    def differences(self):
        return {view: (n, differing) for view, n, differing in self.db.execute(COMPARE).fetchall()}

    def repeated(self):
        return self.db.execute("SELECT count(*) FROM repeated").fetchone()[0]

    def break_it(self):
        self.db.execute(BREAK)


def timed(work, *arguments):
    start = time.monotonic()
    result = work(*arguments)
    return time.monotonic() - start, result
