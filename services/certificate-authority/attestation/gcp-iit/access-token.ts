import { importPKCS8, SignJWT } from "jose";
import { z } from "zod";
import type { Clock } from "../../../shared/clock.ts";
import { ReloadedFile } from "../anchors.ts";
import { denied } from "../refusal.ts";
import type { GcpComputeSettings } from "./settings.ts";

/** Google takes such tokens for an hour at most. */
const LIFETIME_SECONDS = 3600;
const RENEWAL_SECONDS = 600;
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

const keySchema = z.object({ client_email: z.string(), private_key: z.string(), private_key_id: z.string() });
type ServiceAccountKey = z.infer<typeof keySchema>;

/**
 * What we show to the Compute Engine API: a token out of a file, or one that we sign with the key of a service account for
 * that API alone, for which nobody has to be asked.
 *
 * @returns a function that throws an AttestationRefusal while there is none.
 *
 * Source: Google Identity, "Using OAuth 2.0 for Server to Server Applications" (service account authorization without OAuth).
 */
export function accessTokenFrom(settings: GcpComputeSettings, clock: Clock): () => Promise<string> {
  const { accessTokenFile, serviceAccountKeyFile = "", endpoint } = settings;
  if (accessTokenFile !== undefined) {
    const file = new ReloadedFile(accessTokenFile, (bytes) => tokenOf(bytes.toString("latin1").trim()));
    return async () => file.current;
  }
  const file = new ReloadedFile(serviceAccountKeyFile, parseKey);
  let made: { readonly key: ServiceAccountKey; readonly token: string; readonly madeAt: number } | undefined;
  return async () => {
    const key = file.current;
    const now = Math.floor(clock.now().getTime() / 1000);
    if (
      made === undefined ||
      made.key !== key ||
      now < made.madeAt ||
      now - made.madeAt > LIFETIME_SECONDS - RENEWAL_SECONDS
    )
      made = { key, token: await signed(key, `${new URL(endpoint).origin}/`, now), madeAt: now };
    return made.token;
  };
}

function tokenOf(text: string): string {
  if (!TOKEN.test(text)) throw new Error("it holds no access token");
  return text;
}

function parseKey(bytes: Buffer): ServiceAccountKey {
  try {
    return keySchema.parse(JSON.parse(bytes.toString("utf8")));
  } catch {
    // What a parser says of a file may quote it.
    throw new Error("it is no service account's key in JSON");
  }
}

async function signed(key: ServiceAccountKey, audience: string, now: number): Promise<string> {
  try {
    const privateKey = await importPKCS8(key.private_key, "RS256");
    return await new SignJWT({
      iss: key.client_email,
      sub: key.client_email,
      aud: audience,
      iat: now,
      exp: now + LIFETIME_SECONDS,
    })
      .setProtectedHeader({ alg: "RS256", kid: key.private_key_id, typ: "JWT" })
      .sign(privateKey);
  } catch {
    throw denied("the service account's key is no RSA key in PKCS #8");
  }
}
