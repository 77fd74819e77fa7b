"""IPNs per second: signed SePay pushes over HTTP, each committed durably before it is acknowledged.

64 connections against one gateway process. The baseline is pgbench on the same PostgreSQL writing
the same rows (notice, payment, transfer, invoice total), one transaction each, with prepared
statements: what the database alone could do if nobody grouped, parsed or verified anything.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import multiprocessing
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import uvicorn
from pydantic import SecretStr

import migrations
from core.kit.reference import make_references
from core.kit.seal import Keys, seal_secrets
from gateway import embedded
from gateway.app import create_app
from gateway.settings import Settings

IPNS = 20_000
CONNECTIONS = 64
WARM_UP = 1_000
BASELINE_S = 6
SECRET = "benchmark-secret"
KEYS = Keys(master=b"m" * 32, reference=b"r" * 32)
AMOUNT_VND = 450_000

WORLD = """
INSERT INTO school (code, name, accounting_regime) VALUES ('BENCH', 'Trường đo', 'TT24/2024');
INSERT INTO bank_account (school_id, bin, number, holder, is_default) VALUES (1, '970436', '0011000001', 'TRUONG', true);
INSERT INTO school_class (school_id, school_year, name, grade) VALUES (1, '2026-2027', '3A', 3);
INSERT INTO fee_item (school_id, code, name, nature, unit, bank_account_id, is_optional)
  VALUES (1, 'AN', 'Tiền ăn', 'service', 'tháng', 1, false);
INSERT INTO fee_schedule (school_id, name, school_year, month, due_on, status, content_hash, drafted_by)
  VALUES (1, 'Tháng 9', '2026-2027', '2026-09-01', '2026-09-30', 'issued', 'h', 'an');
INSERT INTO ledger_account (school_id, kind, bank_account_id, merchant_account_id)
  SELECT 1, kind, NULL, NULL FROM unnest(ARRAY['receivable', 'student_credit', 'suspense', 'opening']) AS kind;
INSERT INTO ledger_account (school_id, kind, bank_account_id) VALUES (1, 'bank', 1);
"""

PGBENCH = """
\\set i random(1, {invoices})
\\set t random(1, 9000000000000)
WITH n AS (
  INSERT INTO notice (school_id, merchant_account_id, transaction_id, outcome, amount_vnd, paid_at, business_date,
                      content, merchant_reference, payee_account, bank_transaction_id, fingerprint, raw, verdict)
  VALUES (1, 1, 'B' || :t, 'paid', 450000, now(), current_date, repeat('x', 60), '', '0011000001', 'FT' || :t,
          repeat('x', 32)::bytea, repeat('x', 400)::bytea, 'recorded')
  ON CONFLICT DO NOTHING RETURNING id
), i AS (
  SELECT id, student_id FROM invoice WHERE school_id = 1 AND id = :i FOR UPDATE
), p AS (
  INSERT INTO payment (school_id, id, merchant_account_id, bank_account_id, student_id, channel, amount_vnd, paid_at,
                       business_date, content, bank_transaction_id, reference)
  SELECT 1, n.id, 1, 1, i.student_id, 'sepay', 450000, now(), current_date, repeat('x', 60), 'FT', 'HP' FROM n, i
), t AS (
  INSERT INTO transfer (school_id, journal_id, kind, debit_account_id, credit_account_id, amount_vnd, business_date,
                        student_id, invoice_id, payment_id)
  SELECT 1, nextval('journal_number_seq'), 'payment_received', 5, 1, 450000, current_date, i.student_id, i.id, n.id FROM n, i
)
UPDATE invoice SET paid_vnd = least(total_vnd, paid_vnd + 1) FROM n, i WHERE invoice.school_id = 1 AND invoice.id = i.id;
"""


async def _make_world(dsn: str) -> list[str]:
    """A school, a SePay account and one pupil with one open invoice per IPN; the references."""
    db = await asyncpg.connect(dsn)
    count = IPNS + WARM_UP
    references = make_references(range(1, 2 * count + 1), KEYS.reference)
    await db.execute(WORLD)
    await db.execute(
        "INSERT INTO merchant_account (school_id, adapter, account_key, bank_account_id, settlement, sealed_secrets,"
        " settings) VALUES (1, 'sepay', 'benchkey', 1, 'direct', $1, '{\"auth\":\"hmac\"}')",
        seal_secrets(KEYS, {"api_key": "unused", "hmac_secret": SECRET}),
    )
    await db.execute(
        "INSERT INTO student (school_id, code, full_name, search_name, reference)"
        " SELECT 1, 'S' || n, 'Nguyễn An', 'nguyen an', r FROM unnest($1::text[]) WITH ORDINALITY AS u(r, n)",
        references[count:],
    )
    await db.execute(
        "INSERT INTO invoice (school_id, fee_schedule_id, student_id, class_id, bank_account_id, reference, token,"
        " total_vnd, issued_on, due_on) SELECT 1, 1, n, 1, 1, r, 'token' || n, $2, '2026-09-01', '2026-09-30'"
        " FROM unnest($1::text[]) WITH ORDINALITY AS u(r, n)",
        references[:count],
        AMOUNT_VND,
    )
    await db.close()
    return references[:count]


def _serve(url: str, port: int) -> None:
    """The gateway, in a process of its own."""
    settings = Settings(
        master_key=SecretStr(KEYS.master.hex()),
        reference_key=SecretStr(KEYS.reference.hex()),
        log_level="ERROR",
    )
    uvicorn.run(
        create_app(settings, url),
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
    )


def _message(number: int, reference: str) -> bytes:
    """One signed push as raw HTTP/1.1 bytes."""
    body = json.dumps(
        {
            "id": number,
            "gateway": "Vietcombank",
            "transactionDate": "2026-09-10 09:00:00",
            "accountNumber": "0011000001",
            "subAccount": None,
            "code": None,
            "content": f"MBVCB.6912345678.047334.{reference} hoc phi.CT tu 0123456789 NGUYEN VAN A",
            "transferType": "in",
            "description": "BankAPINotify",
            "transferAmount": AMOUNT_VND,
            "accumulated": 0,
            "referenceCode": f"FT{number}",
        },
        separators=(",", ":"),
    ).encode()
    stamp = str(int(time.time()))
    signature = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    head = (
        "POST /ipn/sepay/benchkey HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"x-sepay-timestamp: {stamp}\r\nx-sepay-signature: sha256={signature}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _fire(port: int, messages: list[bytes]) -> float:
    """Send all over 64 kept connections; seconds taken. Raises when an answer is not an acknowledgement."""
    left = iter(messages)

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for message in left:
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(found[1]) if found else 0)
            if b" 200 " not in head[:20] or body != b'{"success":true}':
                raise RuntimeError(f"not acknowledged: {head[:60]!r} {body!r}")
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


async def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError("the gateway did not come up")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _pgbench(server: embedded.Server, folder: Path, clients: int) -> float:
    script = folder / "one.sql"
    script.write_text(
        PGBENCH.format(invoices=IPNS)
        .replace("\n", " ")
        .replace(" \\set", "\n\\set")
        .replace(" WITH n", "\nWITH n")
        .strip()
    )
    done = subprocess.run(
        [
            str(server.bin_dir / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "2",
            "-T", str(BASELINE_S), "-f", str(script), server.dsn,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or not found:
        raise RuntimeError(done.stderr[-2000:])
    return float(found[1])


def run() -> dict[str, float]:
    """IPNs per second, the baselines' transactions per second, and the ratio to the better one."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "pg"
        with embedded.running(home) as server:
            migrations.upgrade(server.url)
            references = asyncio.run(_make_world(server.dsn))
            messages = [_message(n, reference) for n, reference in enumerate(references, 1)]
            port = _free_port()
            gateway = multiprocessing.get_context("spawn").Process(
                target=_serve, args=(server.url, port), daemon=True
            )
            gateway.start()
            try:
                asyncio.run(_warm_up(port, server.dsn, messages[:WARM_UP]))
                seconds = asyncio.run(_fire(port, messages[WARM_UP:]))
            finally:
                gateway.terminate()
                gateway.join()
            _check(server)
            baselines = {
                clients: _pgbench(server, Path(folder), clients) for clients in (16, CONNECTIONS)
            }
        embedded.discard(home)
    ipns_per_s = IPNS / seconds
    best = max(baselines.values())
    return {
        "ipns_per_s": round(ipns_per_s),
        "pgbench_16_clients_tps": round(baselines[16]),
        "pgbench_64_clients_tps": round(baselines[CONNECTIONS]),
        "ratio": round(ipns_per_s / best, 2),
    }


async def _warm_up(port: int, dsn: str, messages: list[bytes]) -> None:
    """Some IPNs, then the planner's figures, as a database has them that is older than a minute.

    Without them the first plans walk a whole school's index for each foreign key.
    """
    await _wait_for(port)
    await _fire(port, messages)
    db = await asyncpg.connect(dsn)
    await db.execute("ANALYZE")
    await db.close()


def _check(server: embedded.Server) -> None:
    """Every IPN is in the books, once."""

    async def count() -> int:
        db = await asyncpg.connect(server.dsn)
        found: int = await db.fetchval(
            "SELECT count(*) FROM transfer WHERE amount_vnd = $1", AMOUNT_VND
        )
        await db.close()
        return found

    found = asyncio.run(count())
    if found != IPNS + WARM_UP:
        raise RuntimeError(f"{found} transfers for {IPNS + WARM_UP} IPNs")


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
