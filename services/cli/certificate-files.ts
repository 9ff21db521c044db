import { createHash, X509Certificate } from "node:crypto";
import { type Dirent, opendirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { messageOf } from "./command-error.ts";

const BEGIN = Buffer.from("-----BEGIN CERTIFICATE-----");
const END = Buffer.from("-----END CERTIFICATE-----");
/** Where a kubeconfig has its client certificate. */
const EMBEDDED = Buffer.from("client-certificate-data");
/** What stands between that and its base64, in YAML and in JSON. */
const PUNCTUATION = Buffer.from("\"': \t\r\n");
const BASE64 = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
const MAXIMUM_FILE_BYTES = 1024 * 1024;
const MAXIMUM_DEPTH = 16;
const MAXIMUM_FILES = 100_000;
/** Never opened: they hold keys and nothing else. */
const KEY_EXTENSIONS: ReadonlySet<string> = new Set([".key", ".pub"]);

/** A certificate and where it was found. */
export interface FoundCertificate {
  readonly source: string;
  /** One block. */
  readonly pem: string;
  /** Lower-case hex SHA-256 of the DER. */
  readonly fingerprint: string;
  readonly notBefore: Date;
  readonly signerName?: string;
}

/** What was found in files; a certificate that stands in several counts as the first of them. */
export interface FoundCertificates {
  readonly certificates: readonly FoundCertificate[];
  /** Files that could not be read, or hold something broken, with what was wrong. */
  readonly problems: readonly { readonly path: string; readonly message: string }[];
  /** Certificates of CAs, which are left out. */
  readonly authorities: number;
  /** Files without a certificate, those of keys included. */
  readonly otherFiles: number;
}

/** Collects certificates, each once. */
export class CertificateCollector implements FoundCertificates {
  readonly #byFingerprint = new Map<string, FoundCertificate>();
  readonly problems: { readonly path: string; readonly message: string }[] = [];
  authorities = 0;
  otherFiles = 0;
  #files = 0;

  get certificates(): readonly FoundCertificate[] {
    return [...this.#byFingerprint.values()];
  }

  /** A file or a directory with all below it; links to files are followed, links to directories are not. */
  addPath(path: string): void {
    try {
      const stats = statSync(path);
      if (stats.isDirectory()) this.#addDirectory(path, 0);
      else this.#addFile(path);
    } catch (error) {
      this.problems.push({ path, message: messageOf(error) });
    }
  }

  /** The certificates in a text that may hold other things, keys among them, of which nothing is kept. */
  addText(text: Buffer, source: string, signerName?: string): void {
    const blocks = blocksIn(text);
    if (blocks.length === 0) this.otherFiles += 1;
    for (const pem of blocks) this.#addBlock(pem, source, signerName);
  }

  #addDirectory(directory: string, depth: number): void {
    if (depth > MAXIMUM_DEPTH) return void this.problems.push({ path: directory, message: "lies too deep" });
    for (const entry of entriesOf(directory)) {
      const path = join(directory, entry.name);
      try {
        if (entry.isDirectory()) this.#addDirectory(path, depth + 1);
        else if (statSync(path).isFile()) this.#addFile(path);
      } catch (error) {
        this.problems.push({ path, message: messageOf(error) });
      }
    }
  }

  #addFile(path: string): void {
    this.#files += 1;
    if (this.#files > MAXIMUM_FILES)
      throw new Error(`there are more than ${MAXIMUM_FILES} files; give fewer at a time`);
    if (KEY_EXTENSIONS.has(extname(path))) {
      this.otherFiles += 1;
      return;
    }
    const { size } = statSync(path);
    if (size > MAXIMUM_FILE_BYTES) throw new Error(`has ${size} octets, more than ${MAXIMUM_FILE_BYTES}`);
    const content = readFileSync(path);
    try {
      this.addText(content, path);
    } finally {
      // A kubelet has its key in the same file.
      content.fill(0);
    }
  }

  #addBlock(pem: string, source: string, signerName: string | undefined): void {
    try {
      const parsed = new X509Certificate(pem);
      if (parsed.ca) {
        this.authorities += 1;
        return;
      }
      const fingerprint = createHash("sha256").update(parsed.raw).digest("hex");
      if (this.#byFingerprint.has(fingerprint)) return;
      const signer = signerName === undefined ? {} : { signerName };
      this.#byFingerprint.set(fingerprint, { source, pem, fingerprint, notBefore: parsed.validFromDate, ...signer });
    } catch {
      this.problems.push({ path: source, message: "holds a block CERTIFICATE that is no certificate" });
    }
  }
}

/** The certificates in a file, or in the kubeconfig that it is, each a PEM block. */
function blocksIn(content: Buffer): readonly string[] {
  const found = [...certificateBlocks(content)];
  for (let at = content.indexOf(EMBEDDED); at >= 0; at = content.indexOf(EMBEDDED, at + 1)) {
    const begin = endOfRun(content, at + EMBEDDED.length, PUNCTUATION);
    const value = content.subarray(begin, endOfRun(content, begin, BASE64)).toString("latin1");
    found.push(...certificateBlocks(Buffer.from(value, "base64")));
  }
  return found;
}

/** Where the octets of that set end that stand at a place. */
function endOfRun(content: Buffer, start: number, set: Buffer): number {
  let end = start;
  while (end < content.length && set.includes(content[end] ?? 0)) end += 1;
  return end;
}

function* certificateBlocks(content: Buffer): Generator<string, undefined> {
  for (let begin = content.indexOf(BEGIN); begin >= 0; begin = content.indexOf(BEGIN, begin + 1)) {
    const end = content.indexOf(END, begin);
    if (end < 0) return;
    yield `${content.subarray(begin, end + END.length).toString("latin1")}\n`;
  }
}

/** In the order of their names, so that the same is told each time. */
function entriesOf(directory: string): readonly Dirent[] {
  const opened = opendirSync(directory);
  const entries: Dirent[] = [];
  try {
    for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) entries.push(entry);
  } finally {
    opened.closeSync();
  }
  return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
