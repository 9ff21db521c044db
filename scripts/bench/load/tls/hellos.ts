import { createPublicKey, diffieHellman, generateKeyPairSync, randomFillSync } from "node:crypto";

const RANDOM_BYTES = 32;
/** Message type, three octets of length, version. */
const RANDOM_AT = 4 + 2;
const SERVER_HELLO = 2;
const CIPHER_SUITE = 0x1301;
const KEY_SHARE = 51;
const X25519 = 0x001d;

/** One key pair for all connections: no server can tell, and it spares the generator a key for each. */
const { privateKey, publicKey } = generateKeyPairSync("x25519");
const OWN_SHARE = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");

const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const withLength16 = (content: Buffer): Buffer => Buffer.concat([uint16(content.length), content]);
const extension = (type: number, content: Buffer): Buffer => Buffer.concat([uint16(type), withLength16(content)]);

/** As a kubelet sends it but for its choices, of which there is one each: TLS 1.3, AES-128-GCM, X25519. No tickets. */
const CLIENT_HELLO = handshakeMessage(
  1,
  Buffer.concat([
    ...[uint16(0x0303), Buffer.alloc(RANDOM_BYTES)],
    // A session id makes it look like TLS 1.2 to what stands in between; Go and OpenSSL send one too.
    ...[Buffer.from([RANDOM_BYTES]), Buffer.alloc(RANDOM_BYTES, 1)],
    ...[withLength16(uint16(CIPHER_SUITE)), Buffer.from([1, 0])],
    withLength16(
      Buffer.concat([
        extension(43, Buffer.from([2, 3, 4])),
        extension(10, withLength16(uint16(X25519))),
        // ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256
        extension(13, withLength16(Buffer.concat([uint16(0x0403), uint16(0x0804)]))),
        extension(KEY_SHARE, withLength16(Buffer.concat([uint16(X25519), withLength16(OWN_SHARE)]))),
      ]),
    ),
  ]),
);

export function handshakeMessage(type: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, 0]), uint16(content.length), content]);
}

export function clientHello(): Buffer {
  return randomFillSync(Buffer.from(CLIENT_HELLO), RANDOM_AT, RANDOM_BYTES);
}

/**
 * What both sides know once the server has answered.
 *
 * @throws {Error} when the message is not an answer to our hello.
 */
export function sharedSecret(serverHello: Buffer): Buffer {
  const jwk = { kty: "OKP", crv: "X25519", x: serverShare(serverHello).toString("base64url") };
  return diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: "jwk" }) });
}

function serverShare(message: Buffer): Buffer {
  const sessionIdAt = RANDOM_AT + RANDOM_BYTES;
  let position = sessionIdAt + 1 + (message[sessionIdAt] ?? 0);
  if (message[0] !== SERVER_HELLO || message.readUInt16BE(position) !== CIPHER_SUITE) {
    throw new Error("the server does not do TLS 1.3 with AES-128-GCM");
  }
  // Past cipher suite, compression and the length of all extensions.
  position += 5;
  while (position < message.length) {
    const end = position + 4 + message.readUInt16BE(position + 2);
    if (message.readUInt16BE(position) === KEY_SHARE && message.readUInt16BE(position + 4) === X25519) {
      const share = message.subarray(position + 8, end);
      if (share.length > 0) return share;
    }
    position = end;
  }
  throw new Error("the server did not answer with an X25519 key");
}
