import { z } from "zod";
import { FORM_CONTENT_TYPE } from "../../../shared/attestation/caller-identity.ts";
import type { Clock } from "../../../shared/clock.ts";
import { type HttpsMessage, httpsExchange } from "../../../shared/https-exchange.ts";
import { ReloadedFile } from "../anchors.ts";
import { denied } from "../refusal.ts";
import type { VirtualMachinesSettings } from "./settings.ts";

/** Only this machine and its host hear what is said to it: there is no TLS, and nothing to take its place. */
const METADATA_SERVICE = "http://169.254.169.254";
const MAXIMUM_BYTES = 32 * 1024;
/** Tokens live an hour or a day. */
const RENEWED_BEFORE_SECONDS = 300;

/** Azure's metadata service writes numbers as text. */
const answerSchema = z.object({ access_token: z.string().min(1).max(16_384), expires_in: z.coerce.number().min(0) });

/** Gives a bearer token for the resource API. */
export type AccessTokens = (signal: AbortSignal) => Promise<string>;

/** @returns tokens that are kept until they end; the function rejects while there are none. */
export function accessTokens(settings: VirtualMachinesSettings, clock: Clock): AccessTokens {
  const { timeoutSeconds, allowPlainHttp } = settings;
  const { url, messageOf } = requestFor(settings);
  const exchange = httpsExchange({
    timeoutMilliseconds: timeoutSeconds * 1000,
    maximumBytes: MAXIMUM_BYTES,
    allowPlainHttp: allowPlainHttp || url.origin === METADATA_SERVICE,
  });
  let kept: { readonly token: string; readonly untilEpoch: number } | undefined;
  const nowEpoch = (): number => clock.now().getTime() / 1000;

  return async (signal) => {
    if (kept !== undefined && nowEpoch() < kept.untilEpoch) return kept.token;
    const text = await exchange(url, { ...messageOf(), signal }).catch((error: unknown) => {
      throw denied(`Azure gives us no access token: ${(error as Error).message}`, error);
    });
    const { access_token: token, expires_in: lifetimeSeconds } = parse(text);
    kept = { token, untilEpoch: nowEpoch() + lifetimeSeconds - RENEWED_BEFORE_SECONDS };
    return token;
  };
}

function parse(text: string) {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch {
    // Without the cause: it would hold what was answered, and so the token.
    throw denied("Azure gives us no access token: its answer cannot be read");
  }
}

function requestFor({ identity, endpoint }: VirtualMachinesSettings): { url: URL; messageOf: () => HttpsMessage } {
  const { managedIdentity, clientSecret } = identity;
  const resource = new URL(endpoint).origin;
  if (clientSecret === undefined) {
    const url = new URL("/metadata/identity/oauth2/token", managedIdentity?.endpoint ?? METADATA_SERVICE);
    url.searchParams.set("api-version", "2018-02-01");
    url.searchParams.set("resource", `${resource}/`);
    if (managedIdentity?.clientId !== undefined) url.searchParams.set("client_id", managedIdentity.clientId);
    return { url, messageOf: () => ({ method: "GET", headers: { metadata: "true" } }) };
  }
  const { tenantId, clientId, secretFile, endpoint: login } = clientSecret;
  const secret = new ReloadedFile(secretFile, (bytes) => bytes.toString("utf8").trim());
  const form = () => ({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: secret.current,
    scope: `${resource}/.default`,
  });
  const headers = { "content-type": FORM_CONTENT_TYPE };
  return {
    url: new URL(`/${tenantId}/oauth2/v2.0/token`, login),
    messageOf: () => ({ method: "POST", headers, body: new URLSearchParams(form()).toString() }),
  };
}
