import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { SlowDisk } from "../slow-disk.ts";
import { acceptsConnections, freePort } from "./free-port.ts";
import { ServerProcess } from "./server-process.ts";
import type { TestAuthority } from "./test-authority.ts";

/** Go's scheduler threads and clients at a time: cfssl is fastest with different ones on different disks. */
export interface CfsslTuning {
  readonly processors: 1 | 2;
  readonly concurrency: number;
}

export const CFSSL_TUNINGS: readonly CfsslTuning[] = [
  { processors: 1, concurrency: 2 },
  { processors: 1, concurrency: 32 },
  { processors: 1, concurrency: 128 },
  { processors: 2, concurrency: 2 },
  { processors: 2, concurrency: 32 },
  { processors: 2, concurrency: 128 },
];

export interface CfsslSettings {
  readonly program: string;
  readonly authority: TestAuthority;
  readonly processors: number;
  readonly flushDelayMilliseconds: number;
  readonly slowDisk: SlowDisk | undefined;
  readonly core?: number;
}

export interface Cfssl {
  readonly process: ServerProcess;
  readonly url: string;
  /** Certificates in its database. */
  recorded(): number;
}

const SIGNING = { signing: { default: { usages: ["digital signature", "client auth"], expiry: "8760h" } } };

/** What cfssl's own migrations make of its SQLite database, columns of later versions included. */
const SCHEMA = `
  CREATE TABLE certificates (
    serial_number blob NOT NULL, authority_key_identifier blob NOT NULL, ca_label blob, status blob NOT NULL,
    reason int, expiry timestamp, revoked_at timestamp, pem blob NOT NULL,
    issued_at timestamp, not_before timestamp, metadata text, sans text, common_name text,
    PRIMARY KEY (serial_number, authority_key_identifier));
  CREATE TABLE ocsp_responses (
    serial_number blob NOT NULL, authority_key_identifier blob NOT NULL, body blob NOT NULL, expiry timestamp,
    PRIMARY KEY (serial_number, authority_key_identifier));`;

/** Starts `cfssl serve` over TLS with a certificate database as durable as ours: WAL, flushed at each commit. */
export async function startCfssl(settings: CfsslSettings): Promise<Cfssl> {
  const { program, authority, processors, flushDelayMilliseconds, slowDisk, core } = settings;
  const directory = mkdtempSync(join(authority.directory, "cfssl-"));
  const databaseFile = join(directory, "certificates.db");
  const database = new DatabaseSync(databaseFile);
  database.exec(`PRAGMA journal_mode = WAL;${SCHEMA}`);
  database.close();
  const write = (name: string, value: unknown): string => {
    const file = join(directory, name);
    writeFileSync(file, JSON.stringify(value));
    return file;
  };
  const source = `file:${databaseFile}?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=10000`;
  const port = await freePort();
  const process_ = await ServerProcess.start({
    command: program,
    args: [
      ...["serve", "-address", "127.0.0.1", "-port", String(port), "-loglevel", "1"],
      ...["-ca", authority.caCertificateFile, "-ca-key", authority.caKeyFile],
      ...["-tls-cert", authority.serverCertificateFile, "-tls-key", authority.serverKeyFile],
      ...["-config", write("config.json", SIGNING)],
      ...["-db-config", write("database.json", { driver: "sqlite3", data_source: source })],
    ],
    environment: {
      GOMAXPROCS: String(processors),
      ...(flushDelayMilliseconds > 0 && slowDisk?.environment(flushDelayMilliseconds)),
    },
    ready: /Now listening on/,
    ...(core !== undefined && { core }),
  });
  await acceptsConnections(port);
  return { process: process_, url: `https://127.0.0.1:${port}`, recorded: () => recordedIn(databaseFile) };
}

function recordedIn(databaseFile: string): number {
  const database = new DatabaseSync(databaseFile, { readOnly: true });
  try {
    return Number(database.prepare("SELECT count(*) AS count FROM certificates").get()?.["count"]);
  } finally {
    database.close();
  }
}
