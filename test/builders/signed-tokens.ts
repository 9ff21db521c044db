import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

export const TOKEN_ISSUER = "https://login.example.com";
export const TOKEN_AUDIENCE = "gatehouse";

/** A key pair that signs tokens, and its public half as a JWK. */
export interface TokenKey {
  readonly algorithm: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

export async function buildTokenKey(algorithm = "ES256", kid = `${algorithm}-key`): Promise<TokenKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: "sig" };
  return { algorithm, kid, privateKey, publicKey, jwk };
}

export function jwksText(...keys: readonly (TokenKey | JWK)[]): string {
  return JSON.stringify({ keys: keys.map((key) => ("jwk" in key ? key.jwk : key)) });
}

export interface TokenArguments {
  readonly key: TokenKey;
  readonly now: Date;
  /** Laid over the usual ones; undefined leaves a claim out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Laid over `alg` and `kid`; undefined leaves one out. */
  readonly header?: Readonly<Record<string, unknown>>;
}

/** A token for TOKEN_AUDIENCE of TOKEN_ISSUER about "alice", good for an hour. */
export async function buildSignedToken({ key, now, claims = {}, header = {} }: TokenArguments): Promise<string> {
  const seconds = Math.floor(now.getTime() / 1000);
  const usual = { iss: TOKEN_ISSUER, aud: TOKEN_AUDIENCE, sub: "alice", iat: seconds, exp: seconds + 3600 };
  const payload = JSON.parse(JSON.stringify({ ...usual, ...claims })) as JWTPayload;
  const protectedHeader = JSON.parse(JSON.stringify({ alg: key.algorithm, kid: key.kid, ...header })) as {
    alg: string;
  };
  return new SignJWT(payload).setProtectedHeader(protectedHeader).sign(key.privateKey);
}

/** Any header and payload with any signature, as an attacker writes them. */
export function forgeToken(header: object, payload: object, signature = ""): string {
  return [encode(header), encode(payload), signature].join(".");
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
