import type { AwsCaller, FakeInstance } from "../fakes/aws-api.ts";
import { CHAIN_NOW } from "./certificate-chain.ts";

export const AWS_ACCOUNT = "111122223333";
export const AWS_INSTANCE = "i-0123456789abcdef0";
export const AWS_VPC = "vpc-0a1b2c3d";

/** An identity document with the spacing of AWS, of an instance that was launched a minute before `CHAIN_NOW`. */
export function identityDocument(changes: Readonly<Record<string, unknown>> = {}): Buffer {
  const document = {
    accountId: AWS_ACCOUNT,
    architecture: "x86_64",
    availabilityZone: "eu-west-1a",
    billingProducts: null,
    imageId: "ami-0123456789abcdef0",
    instanceId: AWS_INSTANCE,
    instanceType: "m7i.large",
    kernelId: null,
    pendingTime: new Date(CHAIN_NOW.getTime() - 60_000).toISOString().replace(".000", ""),
    privateIp: "10.0.1.2",
    region: "eu-west-1",
    version: "2017-09-30",
    ...changes,
  };
  return Buffer.from(JSON.stringify(document, null, 2));
}

/** What EC2 says of `AWS_INSTANCE` while it runs. */
export function runningInstance(changes: Partial<FakeInstance> = {}): FakeInstance {
  return {
    account: AWS_ACCOUNT,
    instanceId: AWS_INSTANCE,
    state: "running",
    vpcId: AWS_VPC,
    privateDnsName: "ip-10-0-1-2.eu-west-1.compute.internal",
    privateIp: "10.0.1.2",
    launchTime: "2026-06-01T11:59:00.000Z",
    ...changes,
  };
}

/** The authority itself, as an AWS user. */
export const AUTHORITY_CALLER: AwsCaller = {
  credentials: { accessKeyId: "AKIAAUTHORITYEXAMPLE", secretAccessKey: "authority/secret" },
  account: AWS_ACCOUNT,
  arn: `arn:aws:iam::${AWS_ACCOUNT}:user/authority`,
};
