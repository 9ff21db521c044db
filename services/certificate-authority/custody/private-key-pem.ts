import { createPrivateKey, type KeyObject } from "node:crypto";
import { CustodyError } from "./custody-error.ts";
import { knowsMlDsa, ML_DSA_NEEDS, mentionsMlDsa } from "./ml-dsa-runtime.ts";
import { readPemBlocks } from "./pem.ts";

/** PKCS#8 (RFC 5208), PKCS#1 (RFC 8017, A.1.2) and SEC1 (RFC 5915). */
const PLAIN_LABELS = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
const ENCRYPTED_LABEL = "ENCRYPTED PRIVATE KEY";
/** `openssl ecparam -genkey` writes the curve in a block of its own before the key, which names it again. */
const PARAMETERS_LABEL = "EC PARAMETERS";
/** RFC 1421, as OpenSSL's traditional format uses it for keys under a passphrase. */
const ENCRYPTION_HEADER = /^Proc-Type:\s*4,\s*ENCRYPTED/m;

/**
 * Reads a file with exactly one private key.
 *
 * @param path - for messages.
 * @throws {CustodyError} EncryptedPrivateKey; InvalidPrivateKey for anything else that is not one plain key.
 */
export function readPrivateKeyPem(content: string, path: string): KeyObject {
  const blocks = readPemBlocks(content, path, "InvalidPrivateKey").filter(({ label }) => label !== PARAMETERS_LABEL);
  const [block] = blocks;
  if (block === undefined || blocks.length > 1) {
    throw invalid(`${path} must hold exactly one PEM private key, ${blocks.length} blocks were found`);
  }
  if (block.label === ENCRYPTED_LABEL || ENCRYPTION_HEADER.test(block.text)) {
    throw new CustodyError(
      "EncryptedPrivateKey",
      `the key in ${path} is under a passphrase; take it off first: openssl pkey -in ${path} -out plain.key ` +
        "(Gatehouse encrypts its own copy; delete plain.key after the import)",
    );
  }
  if (!PLAIN_LABELS.includes(block.label)) {
    throw invalid(`${path} holds a ${block.label}, not a private key in PKCS#1, SEC1 or PKCS#8`);
  }
  try {
    return createPrivateKey({ key: block.text, format: "pem" });
  } catch (cause) {
    if (mentionsMlDsa(derOf(block.text)) && !knowsMlDsa())
      throw new CustodyError("UnsupportedKey", `the private key in ${path} is one of ML-DSA; ${ML_DSA_NEEDS}`, {
        cause,
      });
    throw invalid(`the private key in ${path} cannot be read: its content is damaged or its kind unknown`, cause);
  }
}

function derOf(blockText: string): Buffer {
  return Buffer.from(blockText.split(/\r?\n/).slice(1, -1).join(""), "base64");
}

function invalid(message: string, cause?: unknown): CustodyError {
  return new CustodyError("InvalidPrivateKey", message, { cause });
}
