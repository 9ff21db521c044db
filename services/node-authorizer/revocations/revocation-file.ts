import { watch } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import type { RevocationSet, RevocationSource } from "./revocation-list.ts";

const MAXIMUM_BYTES = 64 * 1024 * 1024;
/** Besides the file system's own notice, which not every file system gives. */
const CHECK_MILLISECONDS = 2000;
const FINGERPRINT = /^(?:X509SHA256=)?([0-9a-f]{64})$/;
const COLONED = /^[0-9a-f]{2}(?::[0-9a-f]{2}){31}$/;
/** A node's name is a DNS subdomain (RFC 1123). */
const NODE = /^node\/([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)$/;

/**
 * Reads a list of revocations: one a line, the SHA-256 fingerprint of a certificate (64 hexadecimal digits, as `openssl x509
 * -fingerprint -sha256` prints it with colons, or as `X509SHA256=…`), or `node/NAME` for a quarantined node. What follows
 * `#` does not count.
 *
 * @throws {Error} that names the first line that is neither.
 */
export function parseRevocations(content: string): RevocationSet {
  const fingerprints = new Set<string>();
  const nodeNames = new Set<string>();
  let number = 0;
  for (const line of content.split("\n")) {
    number += 1;
    const entry = line.replace(/#.*/, "").trim();
    if (entry === "") continue;
    const fingerprint = fingerprintOf(entry);
    const nodeName = NODE.exec(entry)?.[1];
    if (fingerprint !== undefined) fingerprints.add(fingerprint);
    else if (nodeName !== undefined) nodeNames.add(nodeName);
    else throw new Error(`line ${number} is neither a SHA-256 fingerprint of a certificate nor node/NAME`);
  }
  return { fingerprints, nodeNames };
}

function fingerprintOf(entry: string): string | undefined {
  const lower = entry.toLowerCase().replace(/^x509sha256=/, "");
  return COLONED.test(lower) ? lower.replaceAll(":", "") : FINGERPRINT.exec(lower)?.[1];
}

/**
 * A list in a file that is read again when it changes. A file that cannot be used is told once, and the list it gave before
 * stays in force; it must be there at the start.
 */
export function revocationFile(path: string, clock: Clock, logger: Logger): RevocationSource {
  let known: RevocationSet | undefined;
  let confirmedAt: Date | undefined;
  let version = "";
  let problem: string | undefined;
  let stopWatching: () => void = () => undefined;
  let reading: Promise<void> = Promise.resolve();

  async function read(): Promise<void> {
    const { ino, size, mtimeMs } = await stat(path);
    const found = `${ino} ${size} ${mtimeMs}`;
    if (size > MAXIMUM_BYTES) throw new Error(`it is larger than ${MAXIMUM_BYTES} bytes`);
    if (found !== version || problem !== undefined) {
      known = parseRevocations(await readFile(path, "utf8"));
      version = found;
      const { fingerprints, nodeNames } = known;
      logger.info({ path, certificates: fingerprints.size, nodes: nodeNames.size }, "read the list of revocations");
    }
    problem = undefined;
    confirmedAt = clock.now();
  }

  const readAgain = (): void => {
    reading = reading.then(read).catch(({ message }: Error) => {
      if (message !== problem)
        logger.error(
          { path, problem: message },
          "the list of revocations cannot be used; the one before stays in force",
        );
      problem = message;
    });
  };

  return {
    async start() {
      await read().catch((cause: Error) => {
        throw new Error(`--revocations ${path}: ${cause.message}; correct the file, or make an empty one`, { cause });
      });
      const timer = setInterval(readAgain, CHECK_MILLISECONDS);
      // Of the folder: a file that is replaced by another has another inode.
      const watcher = watch(dirname(path), { persistent: false }, (_, name) => {
        if (name === null || name === basename(path)) readAgain();
      });
      watcher.on("error", (error) => logger.warn({ err: error, path }, "changes are noticed by looking only"));
      stopWatching = () => {
        clearInterval(timer);
        watcher.close();
      };
    },
    async stop() {
      stopWatching();
      await reading;
    },
    current: () => known,
    confirmedAt: () => confirmedAt,
  };
}
