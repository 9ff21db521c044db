/**
 * What it costs to know what expires: `node scripts/measure-expiry.ts [CERTIFICATES] [NODES]`, a million certificates of
 * 65,000 nodes without numbers. Makes such a ledger, looks at its fleet, asks what the API asks, and notes a notice for each
 * node that is late. `held` is the longest time, in CPU of the front thread, that other work had to wait. Takes half a
 * minute, leaves nothing; needs Node.js 24.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { openForWriting } from "../services/certificate-authority/ledger/connection.ts";
import { openLedger } from "../services/certificate-authority/ledger/ledger.ts";
import { MIGRATIONS } from "../services/certificate-authority/ledger/migrations/all.ts";
import { migrate } from "../services/certificate-authority/ledger/migrations/migrate.ts";
import { createExpiry } from "../services/certificate-authority/rotation/expiry/expiry.ts";
import { createNotifier } from "../services/certificate-authority/rotation/expiry/notifier.ts";
import { createLogger } from "../services/shared/logging.ts";

const DAY_MILLISECONDS = 86_400_000;
const LIFETIME_DAYS = 365;
const NOW = new Date("2026-11-21T12:00:00Z");
const clock = { now: () => NOW };

/** Each node renews its certificate of a year a few times; the last ones end from last month on, over a year. */
const FILL = `
  WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < @rows - 1)
  INSERT INTO certificates (serial, fingerprint, issuer_id, signer_name, node_name, common_name, organizations, sans,
    spki_sha256, not_before_ms, not_after_ms, issued_ms, state, request_uid, request_name, requester, predecessor, der,
    audit_sequence)
  SELECT randomblob(16), randomblob(32), zeroblob(32), 'kubernetes.io/kube-apiserver-client-kubelet', 'node-' || node,
    'system:node:node-' || node, '["system:nodes"]', '{"dnsNames":[],"emailAddresses":[],"ipAddresses":[],"uris":[]}',
    randomblob(32), ended - life, ended, ended - life, 'issued', NULL, NULL, NULL, NULL, randomblob(700), 1
  FROM (SELECT n % nodes AS node, life, first + (n % nodes) * (life / nodes) - (rounds - 1 - n / nodes) * life AS ended
    FROM numbers, (SELECT CAST(@nodes AS INTEGER) AS nodes, CAST(@life AS INTEGER) AS life,
      CAST(@first AS INTEGER) AS first, CAST(@rounds AS INTEGER) AS rounds))`;

function fill(file: string, rows: number, nodes: number): void {
  const connection = openForWriting(file);
  migrate(connection, MIGRATIONS, file, NOW);
  const indices = connection
    .prepare<[], { name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'certificates' AND sql IS NOT NULL",
    )
    .all();
  connection.pragma("synchronous = OFF");
  for (const { name } of indices) connection.exec(`DROP INDEX ${name}`);
  connection.exec("INSERT INTO audit (sequence, payload, hash) VALUES (1, '{}', zeroblob(32))");
  const life = LIFETIME_DAYS * DAY_MILLISECONDS;
  const rounds = Math.ceil(rows / nodes);
  connection.prepare(FILL).run({ rows, nodes, rounds, life, first: NOW.getTime() - 20 * DAY_MILLISECONDS });
  for (const { sql } of indices) connection.exec(sql);
  connection.close();
}

/** How long something takes, and the longest stretch of it in which nothing else had its turn. */
async function measured<T>(name: string, work: () => Promise<T>): Promise<T> {
  let longest = 0;
  let isDone = false;
  const cpu = () => {
    const { user, system } = process.threadCpuUsage();
    return user + system;
  };
  let before = cpu();
  const turn = (): void => {
    const now = cpu();
    longest = Math.max(longest, now - before);
    before = now;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  const start = performance.now();
  const result = await work();
  isDone = true;
  const took = `${Math.round(performance.now() - start)} ms`;
  process.stdout.write(`${name.padEnd(44)} ${took.padStart(9)}   held ${(longest / 1000).toFixed(1)} ms\n`);
  return result;
}

async function main(): Promise<void> {
  const [rows = 1_000_000, nodes = 65_000] = process.argv.slice(2).map(Number);
  if (![rows, nodes].every((number) => Number.isSafeInteger(number) && number > 0) || nodes > rows)
    throw new Error("usage: node scripts/measure-expiry.ts [CERTIFICATES] [NODES]");
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-expiry-"));
  const file = join(directory, "gatehouse.db");
  try {
    fill(file, rows, nodes);
    const size = Math.round(statSync(file).size / 2 ** 20);
    process.stdout.write(`a ledger of ${rows} certificates of ${nodes} nodes, ${size} MiB\n`);
    const logger = createLogger({ level: "silent" });
    const ledger = await openLedger({ file, clock, logger });
    const settings = { scanSeconds: 60, forgetAfterDays: 30, notifications: [] };
    const expiry = createExpiry({ records: ledger.expiry, settings, clock, logger, observe: () => undefined });
    const page = { limit: 1000, continueToken: undefined };
    const all = { signerName: undefined, nodeName: undefined, ...page };
    await measured("nothing, for a second: what the measuring shows", () => pause(1_000));
    await measured("look at the fleet, in the first thread", () => expiry.scan());
    await measured("look at the fleet again", () => expiry.scan());
    await measured("count states, for a scrape", () => expiry.counts());
    await measured("the first thousand that are late", () => expiry.report({ ...all, states: ["overdue", "lost"] }));
    await measured("one node by its name", () => expiry.report({ ...all, states: [], nodeName: `node-${nodes - 1}` }));
    const ahead = { untilSeconds: LIFETIME_DAYS * 86_400, buckets: 500, ...page };
    await measured("forecast of a year", () => expiry.forecast(ahead));
    const targets = [{ name: "measured", states: ["due", "overdue", "lost"] as const }];
    const notifier = createNotifier({ records: ledger.expiry, targets, forgetAfterDays: 30 });
    const fleet = await ledger.expiry.scan(new Date(NOW.getTime() - 30 * DAY_MILLISECONDS));
    const { states } = await measured("note every node that is late", () => notifier.note(fleet, NOW));
    const noted = Object.values(states).reduce((sum, count) => sum + count, 0);
    await measured(`look for what is new, ${noted} having been told`, () => notifier.note(fleet, NOW));
    await expiry.close();
    await ledger.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
