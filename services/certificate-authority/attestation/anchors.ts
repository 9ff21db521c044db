import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { denied } from "./refusal.ts";

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const BEGIN = /-----BEGIN [^-]*-----/g;
const MAXIMUM_FILES = 1000;
const MAXIMUM_BYTES = 4 * 1024 * 1024;

/** A file that is read again when it has changed. What cannot be read or used is not replaced by what was there before. */
export class ReloadedFile<T> {
  readonly #path: string;
  readonly #parse: (bytes: Buffer) => T;
  #seen: string | undefined;
  #current: T | undefined;

  /** @param parse - may throw; then every use is refused until the file can be used again. */
  constructor(path: string, parse: (bytes: Buffer) => T) {
    this.#path = path;
    this.#parse = parse;
  }

  /** @throws {AttestationRefusal} while the file cannot be used: what is trusted is not guessed. */
  get current(): T {
    try {
      const stats = statSync(this.#path);
      const mark = markOf(stats);
      if (mark !== this.#seen || this.#current === undefined) {
        this.#seen = undefined;
        // A pipe would keep everybody waiting.
        if (!stats.isFile()) throw new Error("it is no file");
        if (stats.size > MAXIMUM_BYTES) throw new Error(`the file is larger than ${MAXIMUM_BYTES} bytes`);
        this.#current = this.#parse(readFileSync(this.#path));
        this.#seen = mark;
      }
      return this.#current;
    } catch (error) {
      this.#current = undefined;
      throw denied(`${this.#path} cannot be used: ${(error as Error).message}`, error);
    }
  }
}

/** Certificates that a profile trusts: one PEM file, or a directory of PEM (.pem, .crt) and DER (.der, .cer) files. */
export class CertificateAnchors {
  readonly #path: string;
  readonly #files = new Map<string, ReloadedFile<readonly X509Certificate[]>>();

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * What is trusted now. A file that was removed is not trusted from then on.
   *
   * @throws {AttestationRefusal} when a file cannot be used, or when there is no certificate at all.
   */
  get current(): readonly X509Certificate[] {
    const paths = this.#paths();
    const present = new Set(paths);
    for (const path of this.#files.keys()) if (!present.has(path)) this.#files.delete(path);
    const certificates = paths.flatMap((path) => this.#file(path).current);
    if (certificates.length === 0) throw denied(`${this.#path} holds no certificate: nothing is trusted`);
    return certificates;
  }

  #file(path: string): ReloadedFile<readonly X509Certificate[]> {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const file = new ReloadedFile(path, parseCertificates);
    this.#files.set(path, file);
    return file;
  }

  #paths(): readonly string[] {
    try {
      if (!statSync(this.#path).isDirectory()) return [this.#path];
      const names = readdirSync(this.#path).filter((name) => /\.(pem|crt|der|cer)$/.test(name));
      if (names.length > MAXIMUM_FILES) throw new Error(`more than ${MAXIMUM_FILES} files`);
      return names.sort().map((name) => join(this.#path, name));
    } catch (error) {
      throw denied(`${this.#path} cannot be used: ${(error as Error).message}`, error);
    }
  }
}

/**
 * @param bytes - PEM with any number of certificates, or one in DER.
 * @throws {Error} when there is none, or anything that cannot be read: half a file is not taken for a shorter one.
 */
export function parseCertificates(bytes: Buffer): readonly X509Certificate[] {
  if (bytes[0] === 0x30) {
    const certificate = new X509Certificate(bytes);
    if (!certificate.raw.equals(bytes)) throw new Error("the certificate is followed by other octets");
    return [certificate];
  }
  const text = bytes.toString("latin1");
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0) throw new Error("it holds no PEM certificate");
  if (blocks.length !== text.match(BEGIN)?.length)
    throw new Error("it holds something else than whole PEM certificates");
  return blocks.map((block) => new X509Certificate(block));
}

function markOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(" ");
}
