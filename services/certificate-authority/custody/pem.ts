import { CustodyError } from "./custody-error.ts";

/** One PEM block as it stands in a file; its content is not looked at. */
export interface PemBlock {
  readonly label: string;
  /** From BEGIN to END, both lines included. */
  readonly text: string;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;
const BEGIN = /-----BEGIN /g;

/**
 * The blocks of a PEM file in order; text around them, such as `openssl x509 -text` writes, is skipped.
 *
 * @throws {CustodyError} InvalidPrivateKey or InvalidCertificate (`code`) when a block is not closed.
 */
export function readPemBlocks(
  content: string,
  path: string,
  code: "InvalidCertificate" | "InvalidPrivateKey",
): readonly PemBlock[] {
  const blocks = [...content.matchAll(BLOCK)].map(([text, label = ""]) => ({ label, text }));
  const begun = content.match(BEGIN)?.length ?? 0;
  if (begun !== blocks.length) {
    throw new CustodyError(code, `${path} is damaged: a PEM block in it begins but does not end`);
  }
  return blocks;
}

/** @returns a single PEM block with lines of 64 characters and a newline at its end. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
