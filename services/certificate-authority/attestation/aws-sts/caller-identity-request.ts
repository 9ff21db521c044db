import { timingSafeEqual } from "node:crypto";
import {
  CALLER_IDENTITY_BODY,
  CALLER_IDENTITY_SIGNED_HEADERS,
  FORM_CONTENT_TYPE,
} from "../../../shared/attestation/caller-identity.ts";
import { awsStsProof, STS_BIND_HEADER } from "../../../shared/attestation/proofs.ts";
import { denied } from "../refusal.ts";

/** STS takes signatures for a quarter of an hour, to both sides. */
const MAXIMUM_AGE_SECONDS = 900;

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([A-Z0-9]{16,128})\/(\d{8})\/([a-z0-9-]{1,64})\/sts\/aws4_request, SignedHeaders=([a-z0-9;-]{1,256}), Signature=([0-9a-f]{64})$/;
const DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const TOKEN = /^[A-Za-z0-9+/=_-]{16,8192}$/;

/** What is sent to STS. */
export interface CallerIdentityRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The request that a machine has signed, made anew from parts that can be nothing else than they seem: method, path, body and
 * the set of signed headers are ours, and the host is one of the profile's.
 *
 * @param endpoints - URLs of STS.
 * @throws {AttestationRefusal} when the proof is for another request, another bind or another time.
 */
export function rebuildRequest(
  proof: unknown,
  endpoints: readonly string[],
  bind: Buffer,
  now: Date,
): CallerIdentityRequest {
  const { host, headers: given } = awsStsProof.parse(proof);
  const url = endpoints.map((text) => new URL(text)).find((candidate) => candidate.host === host);
  if (url === undefined) throw denied(`the profile does not list the host ${JSON.stringify(host)} of STS`);
  if (!isBind(given[STS_BIND_HEADER], bind)) throw denied("the request was signed for another attestation");
  const date = given["x-amz-date"];
  checkDate(date, now);
  const token = given["x-amz-security-token"];
  if (!TOKEN.test(token)) throw denied("x-amz-security-token is no session token");
  const [, keyId, day, region, signedHeaders, signature] = AUTHORIZATION.exec(given.authorization) ?? [];
  if (signature === undefined) throw denied("authorization is no SigV4 signature for STS");
  if (signedHeaders !== CALLER_IDENTITY_SIGNED_HEADERS)
    throw denied(`the headers ${CALLER_IDENTITY_SIGNED_HEADERS} have to be signed, not ${signedHeaders}`);
  if (day !== date.slice(0, 8)) throw denied("authorization and x-amz-date are of different days");
  const credential = `${keyId}/${day}/${region}/sts/aws4_request`;
  return {
    url: new URL("/", url),
    headers: {
      "content-type": FORM_CONTENT_TYPE,
      "x-amz-date": date,
      "x-amz-security-token": token,
      [STS_BIND_HEADER]: bind.toString("hex"),
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    },
    body: CALLER_IDENTITY_BODY,
  };
}

function isBind(given: string, bind: Buffer): boolean {
  const [actual, expected] = [Buffer.from(given), Buffer.from(bind.toString("hex"))];
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

function checkDate(date: string, now: Date): void {
  const instant = new Date(date.replace(DATE, "$1-$2-$3T$4:$5:$6Z"));
  const ageSeconds = (now.getTime() - instant.getTime()) / 1000;
  // Written so that NaN, the age of what is no date, fails.
  if (!DATE.test(date) || !(Math.abs(ageSeconds) <= MAXIMUM_AGE_SECONDS))
    throw denied(`the request was signed at ${JSON.stringify(date)}, not within ${MAXIMUM_AGE_SECONDS} seconds of now`);
}
