import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBatchExecutor } from "../../services/certificate-authority/ledger/batch-executor.ts";
import { type Connection, openForWriting } from "../../services/certificate-authority/ledger/connection.ts";
import { openLedger } from "../../services/certificate-authority/ledger/ledger.ts";
import { MIGRATIONS } from "../../services/certificate-authority/ledger/migrations/all.ts";
import { migrate } from "../../services/certificate-authority/ledger/migrations/migrate.ts";
import type { RecordCertificate } from "../../services/certificate-authority/ledger/operations.ts";
import { toCertificateRow } from "../../services/certificate-authority/ledger/tables/certificate-row.ts";
import type { Clock } from "../../services/shared/clock.ts";
import { createLogger } from "../../services/shared/logging.ts";
import { percentile } from "./statistics.ts";

const NODES = 5_000;
const SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
const DER_BYTES = 540;
const DAY_MILLISECONDS = 86_400_000;
const NOW = new Date("2026-06-01T00:00:00Z");
const clock: Clock = { now: () => NOW };

export interface InsertRun {
  readonly rowsPerTransaction: number;
  /** How much longer each COMMIT takes than the disk as found. */
  readonly commitDelayMilliseconds: number;
  readonly seconds: number;
}

export interface InsertResult extends InsertRun {
  readonly rowsPerSecond: number;
  readonly commitP50Milliseconds: number;
}

/** Durable inserts of certificates with their audit entries into a new ledger, on the writer's own code. */
export function measureInserts(run: InsertRun): InsertResult {
  return inNewDirectory((file) => {
    const connection = newLedger(file);
    const delay = new Int32Array(new SharedArrayBuffer(4));
    const beforeCommit = () => void Atomics.wait(delay, 0, 0, run.commitDelayMilliseconds);
    const executor = createBatchExecutor(connection, {
      maximumRequests: 1,
      ...(run.commitDelayMilliseconds > 0 && { beforeCommit }),
    });
    const durations: number[] = [];
    let spentMilliseconds = 0;
    while (spentMilliseconds < run.seconds * 1_000) {
      const operations = Array.from({ length: run.rowsPerTransaction }, newCertificate);
      const start = performance.now();
      executor.run(operations);
      const duration = performance.now() - start;
      durations.push(duration);
      spentMilliseconds += duration;
    }
    connection.close();
    const rows = durations.length * run.rowsPerTransaction;
    const rowsPerSecond = rows / (spentMilliseconds / 1_000);
    return { ...run, rowsPerSecond, commitP50Milliseconds: percentile(durations, 50) };
  });
}

export interface QueryTimes {
  readonly name: string;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
}

export interface QueryResult {
  readonly rows: number;
  readonly fileBytes: number;
  readonly buildSeconds: number;
  /** G19 is judged on the first two: the newest of a node, the first hundred that expire within a day. */
  readonly queries: readonly QueryTimes[];
}

/** Times of the ledger's own queries, as its callers see them, over a table of `rows` certificates of 5,000 nodes. */
export async function measureQueries(rows: number, samples: number): Promise<QueryResult> {
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  const file = join(directory, "gatehouse.db");
  try {
    const start = performance.now();
    fill(file, rows);
    const buildSeconds = (performance.now() - start) / 1_000;
    const ledger = await openLedger({ file, clock, logger: createLogger({ level: "silent" }) });
    const { certificates } = ledger;
    const aDayOn = new Date(NOW.getTime() + DAY_MILLISECONDS);
    const queries = [
      await time("latest of a node", samples, (index) => certificates.latestOf(`node-${index % NODES}`, SIGNER)),
      await time("first 100 expiring within a day", samples, () =>
        certificates.find({ state: "valid", expiresBefore: aDayOn, limit: 100 }),
      ),
      await time("newest 100", samples, () => certificates.find({ limit: 100 })),
      await time("count by expiry", Math.ceil(samples / 100), () => certificates.countByExpiry(NOW, [aDayOn])),
    ];
    await ledger.close();
    return { rows, fileBytes: statSync(file).size, buildSeconds, queries };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function time(name: string, samples: number, query: (index: number) => Promise<unknown>): Promise<QueryTimes> {
  const microseconds: number[] = [];
  for (let index = -Math.ceil(samples / 10); index < samples; index += 1) {
    // A step that shares no factor with the number of nodes, so that neighbours are not asked for in turn.
    const start = performance.now();
    await query(Math.abs(index) * 1_237);
    if (index >= 0) microseconds.push((performance.now() - start) * 1_000);
  }
  return {
    name,
    p50Microseconds: percentile(microseconds, 50),
    p99Microseconds: percentile(microseconds, 99),
  };
}

function newCertificate(): RecordCertificate {
  const der = randomBytes(DER_BYTES);
  const node = `node-${der.readUInt32BE(0) % NODES}`;
  const notBefore = new Date(NOW.getTime() + performance.now());
  const certificate = toCertificateRow({
    serial: der.subarray(0, 16).toString("hex"),
    fingerprint: createHash("sha256").update(der).digest("hex"),
    issuerId: "11".repeat(32),
    signerName: SIGNER,
    nodeName: node,
    commonName: `system:node:${node}`,
    organizations: ["system:nodes"],
    sans: { dnsNames: [], emailAddresses: [], ipAddresses: [], uris: [] },
    spkiSha256: der.subarray(0, 32).toString("hex"),
    notBefore,
    notAfter: new Date(notBefore.getTime() + 365 * DAY_MILLISECONDS),
    issuedAt: NOW,
    state: "issued",
    requestUid: node,
    requestName: `csr-${der.subarray(0, 5).toString("hex")}`,
    requester: "system:bootstrap:abcdef",
    predecessor: undefined,
    der,
  });
  return { kind: "recordCertificate", certificate };
}

function newLedger(file: string): Connection {
  const connection = openForWriting(file);
  migrate(connection, MIGRATIONS, file, NOW);
  return connection;
}

/** Made inside SQLite and indexed at the end: a tenth of the time that recording them one by one takes. */
function fill(file: string, rows: number): void {
  const connection = newLedger(file);
  const indices = connection
    .prepare<[], { name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'certificates' AND sql IS NOT NULL",
    )
    .all();
  connection.pragma("synchronous = OFF");
  for (const { name } of indices) connection.exec(`DROP INDEX ${name}`);
  connection.exec("INSERT INTO audit (sequence, payload, hash) VALUES (1, '{}', zeroblob(32))");
  connection.prepare(FILL).run({ rows, nodes: NODES, now: NOW.getTime(), day: DAY_MILLISECONDS, signer: SIGNER });
  for (const { sql } of indices) connection.exec(sql);
  connection.close();
}

/** Each node has a year of daily certificates behind and before it, so that one in a few hundred expires today. */
const FILL = `
  WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < @rows)
  INSERT INTO certificates (serial, fingerprint, issuer_id, signer_name, node_name, common_name, organizations, sans,
    spki_sha256, not_before_ms, not_after_ms, issued_ms, state, request_uid, request_name, requester, predecessor, der,
    audit_sequence)
  SELECT randomblob(16), randomblob(32), zeroblob(32), @signer,
    'node-' || (n % @nodes), 'system:node:node-' || (n % @nodes), '["system:nodes"]',
    '{"dnsNames":[],"emailAddresses":[],"ipAddresses":[],"uris":[]}', randomblob(32),
    @now - @day * 730 + n * (@day * 730 / @rows), @now - @day * 365 + n * (@day * 730 / @rows),
    @now - @day * 730 + n * (@day * 730 / @rows), 'issued', printf('%036d', n), 'csr-' || n,
    'system:bootstrap:abcdef', NULL, randomblob(${DER_BYTES}), 1
  FROM numbers`;

function inNewDirectory<T>(use: (file: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  try {
    return use(join(directory, "gatehouse.db"));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const DELAYS_MILLISECONDS = [0, 1, 5];
const ROWS_PER_TRANSACTION = [1, 50, 200];

async function print(isQuick: boolean): Promise<void> {
  const seconds = isQuick ? 0.5 : 2;
  console.log("durable inserts, rows/s (p50 of a transaction in ms)");
  for (const commitDelayMilliseconds of DELAYS_MILLISECONDS) {
    const results = ROWS_PER_TRANSACTION.map((rowsPerTransaction) =>
      measureInserts({ rowsPerTransaction, commitDelayMilliseconds, seconds }),
    );
    const cells = results.map(
      ({ rowsPerTransaction, rowsPerSecond, commitP50Milliseconds }) =>
        `${rowsPerTransaction} a commit: ${Math.round(rowsPerSecond)} (${commitP50Milliseconds.toFixed(2)})`,
    );
    const ratio = (results.at(-1)?.rowsPerSecond ?? 0) / (results[0]?.rowsPerSecond ?? 1);
    console.log(`  disk + ${commitDelayMilliseconds} ms  ${cells.join("   ")}   ratio ${ratio.toFixed(1)}x`);
  }
  const { rows, fileBytes, buildSeconds, queries } = await measureQueries(isQuick ? 100_000 : 1_000_000, 2_000);
  const mebibytes = Math.round(fileBytes / 1024 / 1024);
  console.log(`queries over ${rows} certificates, ${mebibytes} MiB, built in ${buildSeconds.toFixed(1)} s`);
  for (const { name, p50Microseconds, p99Microseconds } of queries) {
    console.log(`  ${name}: p50 ${p50Microseconds.toFixed(0)} µs, p99 ${p99Microseconds.toFixed(0)} µs`);
  }
}

if (import.meta.main) await print(process.argv.includes("--quick"));
