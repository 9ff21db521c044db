import type { z } from "zod";
import { type AwsCredentials, signAwsRequest } from "./aws-signature.ts";
import { type awsStsProof, STS_BIND_HEADER } from "./proofs.ts";

/** Whoever sends this to STS as somebody is told who that is. */
export const CALLER_IDENTITY_BODY = "Action=GetCallerIdentity&Version=2011-06-15";
export const FORM_CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8";

/** What is signed, and nothing else; in this order, as SigV4 names them. */
export const CALLER_IDENTITY_SIGNED_HEADERS = [
  "content-type",
  "host",
  "x-amz-date",
  "x-amz-security-token",
  STS_BIND_HEADER,
].join(";");

export interface CallerIdentityOptions {
  /** Of STS, e.g. `sts.eu-west-1.amazonaws.com`: one that the authority's profile names. */
  readonly host: string;
  /** The region of that host, e.g. `eu-west-1`; `us-east-1` for `sts.amazonaws.com`. */
  readonly region: string;
  readonly bind: Uint8Array;
  /** Of the instance's role: `/latest/meta-data/iam/security-credentials/<role>`, or of the instance identity role:
   * `/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance`. */
  readonly credentials: AwsCredentials & { readonly sessionToken: string };
  readonly now: Date;
}

/** The proof of attestor `aws_sts`: a request that lets the authority ask STS once, within a quarter of an hour, who we are. */
export function signCallerIdentity(options: CallerIdentityOptions): z.infer<typeof awsStsProof> {
  const { host, region, bind, credentials, now } = options;
  const headers = { "content-type": FORM_CONTENT_TYPE, [STS_BIND_HEADER]: Buffer.from(bind).toString("hex") };
  const request = { host, region, service: "sts", headers, body: CALLER_IDENTITY_BODY };
  const signed = signAwsRequest(request, credentials, now);
  return {
    host,
    headers: {
      authorization: signed["authorization"] ?? "",
      "x-amz-date": signed["x-amz-date"] ?? "",
      "x-amz-security-token": credentials.sessionToken,
      [STS_BIND_HEADER]: headers[STS_BIND_HEADER],
    },
  };
}
