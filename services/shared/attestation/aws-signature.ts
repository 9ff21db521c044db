import { createHash, createHmac } from "node:crypto";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials; goes into the header `x-amz-security-token`. */
  readonly sessionToken?: string | undefined;
}

/** A `POST /` without query. */
export interface AwsRequest {
  /** As it is sent, with the port where that is not the scheme's. */
  readonly host: string;
  readonly region: string;
  /** E.g. `sts`. */
  readonly service: string;
  /** Lower-case names; all of them get signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The headers of a signed request: those given, `x-amz-date`, `x-amz-security-token` where the credentials have one, and
 * `authorization`. `host` is signed too, and left for the client to write.
 *
 * Source: AWS Signature Version 4, "Create a signed AWS API request".
 */
export function signAwsRequest(request: AwsRequest, credentials: AwsCredentials, now: Date): Record<string, string> {
  const { host, region, service, body } = request;
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const date = awsDate(now);
  const headers: Record<string, string> = {
    ...request.headers,
    "x-amz-date": date,
    ...(sessionToken !== undefined && { "x-amz-security-token": sessionToken }),
  };
  const names = Object.keys({ ...headers, host }).sort();
  const lines = names.map((name) => `${name}:${(name === "host" ? host : headers[name])?.trim()}\n`);
  const signedHeaders = names.join(";");
  const canonical = ["POST", "/", "", lines.join(""), signedHeaders, sha256(body)].join("\n");
  const day = date.slice(0, 8);
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n");
  const key = [day, region, service, "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, text).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
  return { ...headers, authorization };
}

/** `20261121T101500Z`, as AWS writes instants. */
function awsDate(instant: Date): string {
  return instant.toISOString().replace(/\.\d+|[-:]/g, "");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
