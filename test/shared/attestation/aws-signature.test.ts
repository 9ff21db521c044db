import { expect, test } from "@jest/globals";
import { signAwsRequest } from "../../../services/shared/attestation/aws-signature.ts";
import {
  CALLER_IDENTITY_SIGNED_HEADERS,
  signCallerIdentity,
} from "../../../services/shared/attestation/caller-identity.ts";
import { awsStsProof } from "../../../services/shared/attestation/proofs.ts";

/** Of the AWS Signature Version 4 test suite. */
const CREDENTIALS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const REQUEST = { host: "example.amazonaws.com", region: "us-east-1", service: "service", headers: {}, body: "" };
const NOW = new Date("2015-08-30T12:36:00Z");

test.each([
  {
    name: "post-vanilla",
    request: REQUEST,
    signedHeaders: "host;x-amz-date",
    signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
  },
  {
    name: "post-x-www-form-urlencoded",
    request: {
      ...REQUEST,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "Param1=value1",
    },
    signedHeaders: "content-type;host;x-amz-date",
    signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  },
])("the signature of AWS's example $name", ({ request, signedHeaders, signature }) => {
  const headers = signAwsRequest(request, CREDENTIALS, NOW);
  expect(headers["x-amz-date"]).toBe("20150830T123600Z");
  expect(headers["authorization"]).toBe(
    `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${signedHeaders}, Signature=${signature}`,
  );
});

test("the proof of aws_sts signs bind, the token and nothing that is not fixed", () => {
  const credentials = { ...CREDENTIALS, sessionToken: "token" };
  const bind = Buffer.alloc(32, 0xab);
  const proof = signCallerIdentity({ host: "sts.example", region: "eu-west-1", bind, credentials, now: NOW });
  expect(awsStsProof.parse(proof)).toStrictEqual(proof);
  expect(proof.host).toBe("sts.example");
  expect(proof.headers).toMatchObject({ "x-node-attest-bind": "ab".repeat(32), "x-amz-security-token": "token" });
  expect(proof.headers.authorization).toContain(`SignedHeaders=${CALLER_IDENTITY_SIGNED_HEADERS},`);
});
