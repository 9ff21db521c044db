import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { z } from "zod";
import type { ProofInput } from "../../../../services/certificate-authority/attestation/attestor.ts";
import { createAwsIidAttestor } from "../../../../services/certificate-authority/attestation/aws-iid/attestor.ts";
import {
  awsIidShape,
  resolveAwsIidPaths,
} from "../../../../services/certificate-authority/attestation/aws-iid/settings.ts";
import { AttestationRefusal } from "../../../../services/certificate-authority/attestation/refusal.ts";
import { credentialsFile, pinnedCertificates } from "../../../builders/attestor-files.ts";
import {
  AUTHORITY_CALLER,
  AWS_ACCOUNT,
  AWS_INSTANCE,
  AWS_VPC,
  identityDocument,
  runningInstance,
} from "../../../builders/aws.ts";
import { buildChainCertificate, CHAIN_NOW } from "../../../builders/certificate-chain.ts";
import { buildCms } from "../../../builders/cms.ts";
import { opensslCms } from "../../../builders/openssl-cms.ts";
import { proofInput, refusalIn } from "../../../builders/proof-input.ts";
import { AwsApi } from "../../../fakes/aws-api.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const ireland = buildChainCertificate({ commonName: "Ireland", keyAlgorithm: "rsa-2048" });
const frankfurt = buildChainCertificate({ commonName: "Frankfurt", keyAlgorithm: "rsa-2048" });
const stranger = buildChainCertificate({ commonName: "stranger", keyAlgorithm: "rsa-2048" });
const certificates = pinnedCertificates({ "eu-west-1": ireland, "eu-central-1": frankfurt });

const api = new AwsApi(AUTHORITY_CALLER);
let endpoint = "";
beforeAll(async () => {
  endpoint = await api.listen();
});
afterEach(() => {
  api.instances.length = 0;
  api.requests.length = 0;
  api.answer = undefined;
});
afterAll(() => api.close());

const schema = z.strictObject(awsIidShape);
const BASE = { attestor: "aws_iid", accounts: [AWS_ACCOUNT], regions: ["eu-west-1", "eu-central-1"], certificates };
const attestorOf = (changes: Readonly<Record<string, unknown>> = {}) =>
  createAwsIidAttestor(schema.parse({ ...BASE, ...changes }), { clock: new SettableClock(CHAIN_NOW) });
const instances = (changes: Readonly<Record<string, unknown>> = {}) => ({
  instances: {
    account: AWS_ACCOUNT,
    credentialsFile: credentialsFile(AUTHORITY_CALLER),
    endpoint,
    allowPlainHttp: true,
    ...changes,
  },
});

const signedBy = (certificate: typeof ireland, content = identityDocument()) =>
  buildCms({ content, signers: [{ certificate }] });
const inputOf = (document: Buffer, changes: Partial<ProofInput> = {}) =>
  proofInput({ now: CHAIN_NOW, proof: { document: document.toString("base64url") }, ...changes });
const refusal = (document: Buffer, settings: Readonly<Record<string, unknown>> = {}) =>
  refusalIn(() => attestorOf(settings).verify(inputOf(document)));

test("a document in BER as AWS makes it shows the instance, and is replayable", async () => {
  const document = opensslCms(identityDocument(), ireland, "-stream", "-nocerts", "-nosmimecap");
  expect(await attestorOf().verify(inputOf(document))).toStrictEqual({
    machineId: `aws:${AWS_ACCOUNT}/eu-west-1/${AWS_INSTANCE}`,
    pins: {},
    fields: {
      account_id: AWS_ACCOUNT,
      region: "eu-west-1",
      instance_id: AWS_INSTANCE,
      pending_time: "2026-06-01T11:59:00Z",
      availability_zone: "eu-west-1a",
      image_id: "ami-0123456789abcdef0",
      instance_type: "m7i.large",
      private_ip: "10.0.1.2",
    },
    sans: { dnsNames: [], ipAddresses: ["10.0.1.2"] },
    isFresh: false,
  });
});

test.each([
  { name: "just launched", pendingTime: "2026-06-01T12:00:00Z" },
  { name: "of a clock that is a minute ahead", pendingTime: "2026-06-01T12:01:00Z" },
  { name: "launched a quarter of an hour ago", pendingTime: "2026-06-01T11:45:00Z" },
])("a document is taken: $name", async ({ pendingTime }) => {
  expect(await refusal(signedBy(ireland, identityDocument({ pendingTime })))).toBe("accepted");
});

const NOBODY = "no certificate of the profile's regions has signed the document";

test.each([
  {
    name: "of an account that is not listed",
    document: { accountId: "999999999999" },
    message: "the profile does not list the account 999999999999",
  },
  {
    name: "launched longer ago",
    document: { pendingTime: "2026-06-01T11:44:59Z" },
    message: "the instance was launched at 2026-06-01T11:44:59Z, more than 900 seconds ago",
  },
  {
    name: "launched in the future",
    document: { pendingTime: "2026-06-01T12:01:01Z" },
    message: "the instance is launched in the future, at 2026-06-01T12:01:01Z",
  },
  {
    name: "that names another region than its signer's",
    document: { region: "eu-central-1" },
    message: "the certificate of eu-west-1 has signed for eu-central-1",
  },
  { name: "without an instance", document: { instanceId: undefined }, message: expect.stringContaining("instanceId") },
  {
    name: "with a path as instance",
    document: { instanceId: "../i-01234567" },
    message: expect.stringContaining("instanceId"),
  },
  { name: "without a launch", document: { pendingTime: "soon" }, message: expect.stringContaining("pendingTime") },
  {
    name: "with an address that is none",
    document: { privateIp: "10.0.1" },
    message: expect.stringContaining("privateIp"),
  },
])("a signed document is refused: $name", async ({ document, message }) => {
  expect(await refusal(signedBy(ireland, identityDocument(document)))).toEqual(message);
});

test("a document with a key twice is refused, although it was signed", async () => {
  const twice = Buffer.from(identityDocument().toString().replace('"region"', '"accountId": "999999999999", "region"'));
  expect(await refusal(signedBy(ireland, twice))).toBe(
    'what was signed cannot be read: the key "accountId" comes twice',
  );
});

test.each([
  { name: "somebody else", cms: () => signedBy(stranger), message: NOBODY },
  {
    name: "somebody whose certificate is in the message",
    cms: () =>
      buildCms({ content: identityDocument(), signers: [{ certificate: stranger }], certificates: [stranger.der] }),
    message: NOBODY,
  },
  {
    name: "somebody who says to be AWS",
    cms: () => buildCms({ content: identityDocument(), signers: [{ certificate: stranger, named: ireland }] }),
    message: "the signature is wrong",
  },
  {
    name: "another region",
    cms: () => buildCms({ content: identityDocument(), signers: [{ certificate: frankfurt, named: ireland }] }),
    message: "the signature is wrong",
  },
  {
    name: "a certificate that AWS's has signed",
    cms: () => signedBy(buildChainCertificate({ commonName: "below", issuer: ireland, keyAlgorithm: "rsa-2048" })),
    message: NOBODY,
  },
  {
    name: "nobody: the content was changed",
    cms: () =>
      buildCms({
        content: identityDocument(),
        shownContent: identityDocument({ instanceId: "i-0fedcba9876543210" }),
        signers: [{ certificate: ireland }],
      }),
    message: "the content is not what was signed",
  },
  {
    name: "two signers, one of them AWS",
    cms: () =>
      buildCms({ content: identityDocument(), signers: [{ certificate: ireland }, { certificate: stranger }] }),
    message: expect.stringContaining("more than one signer"),
  },
  {
    name: "AWS, detached",
    cms: () => buildCms({ content: identityDocument(), shownContent: null, signers: [{ certificate: ireland }] }),
    message: expect.stringContaining("detached"),
  },
  {
    name: "AWS, without attributes",
    cms: () =>
      buildCms({ content: identityDocument(), signers: [{ certificate: ireland, attributes: () => undefined }] }),
    message: expect.stringContaining("no signed attributes"),
  },
])("refused, signed by $name", async ({ cms, message }) => {
  expect(await refusal(cms())).toEqual(message);
});

test("a region that the profile does not list is refused, whatever certificates there are", async () => {
  expect(await refusal(signedBy(ireland), { regions: ["eu-central-1"] })).toBe(NOBODY);
});

test("a region without a certificate keeps its own machines out, and says so", async () => {
  const settings = { certificates: pinnedCertificates({ "eu-west-1": ireland }) };
  expect(await refusal(signedBy(ireland), settings)).toBe("accepted");
  expect(await refusal(signedBy(frankfurt), settings)).toMatch(
    new RegExp(`^${NOBODY}; .*eu-central-1\\.pem cannot be used: ENOENT`),
  );
});

test("a certificate that is replaced counts from then on", async () => {
  const directory = pinnedCertificates({ "eu-west-1": ireland });
  const attestor = attestorOf({ certificates: directory, regions: ["eu-west-1"] });
  const verify = () => refusalIn(() => attestor.verify(inputOf(signedBy(ireland))));
  expect(await verify()).toBe("accepted");
  writeFileSync(join(directory, "eu-west-1.pem"), stranger.pem);
  expect(await verify()).toBe(NOBODY);
  writeFileSync(join(directory, "eu-west-1.pem"), stranger.pem + ireland.pem);
  expect(await verify()).toBe("accepted");
});

test("a proof or greeting of another shape is refused", async () => {
  const document = signedBy(ireland);
  const verify = (changes: Partial<ProofInput>) => attestorOf().verify(inputOf(document, changes));
  await expect(verify({ proof: {} })).rejects.toThrow(z.ZodError);
  await expect(verify({ proof: { document: document.toString("base64") } })).rejects.toThrow(z.ZodError);
  await expect(verify({ proof: { document: document.toString("base64url"), more: 1 } })).rejects.toThrow(z.ZodError);
  await expect(verify({ proof: { document: "A".repeat(30_000) } })).rejects.toThrow(z.ZodError);
  await expect(verify({ hello: { more: 1 } })).rejects.toThrow(z.ZodError);
});

test("whatever was signed by AWS, it is evidence or refused", async () => {
  const attestor = attestorOf();
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.json(), fc.string()), async (content) => {
      const verification = attestor.verify(inputOf(signedBy(ireland, Buffer.from(content))));
      await expect(verification).rejects.toThrow(AttestationRefusal);
    }),
    { numRuns: 50 },
  );
});

test("an instance that runs in a listed VPC is confirmed, with its private DNS name and launch", async () => {
  api.instances.push(runningInstance());
  const attestor = attestorOf(instances({ vpcs: [AWS_VPC] }));
  expect(await attestor.verify(inputOf(signedBy(ireland)))).toMatchObject({
    fields: { vpc_id: AWS_VPC, private_dns_name: "ip-10-0-1-2.eu-west-1.compute.internal" },
    sans: { dnsNames: ["ip-10-0-1-2.eu-west-1.compute.internal"], ipAddresses: ["10.0.1.2"] },
    isFresh: false,
    launchedAt: new Date("2026-06-01T11:59:00Z"),
  });
  expect(api.requests[0]?.headers.authorization).toContain("/20260601/eu-west-1/ec2/aws4_request");
  attestor.close?.();
});

test.each([
  { name: "is stopped", instance: { state: "stopped" }, message: "the instance is stopped, not running" },
  {
    name: "is in another VPC",
    instance: { vpcId: "vpc-ffffffff" },
    message: 'the instance is in the VPC "vpc-ffffffff", which the profile does not list',
  },
  {
    name: "is not there",
    instance: { instanceId: "i-0fedcba9876543210" },
    message: `EC2 knows no ${AWS_INSTANCE} in eu-west-1`,
  },
  { name: "has no launch time", instance: { launchTime: "" }, message: "EC2 told no launch time" },
])("an instance is refused that $name", async ({ instance, message }) => {
  api.instances.push(runningInstance(instance));
  expect(await refusal(signedBy(ireland), instances({ vpcs: [AWS_VPC] }))).toBe(message);
});

test("an instance whose account our credentials cannot see is refused without asking", async () => {
  const settings = { accounts: [AWS_ACCOUNT, "999999999999"], ...instances() };
  expect(await refusal(signedBy(ireland, identityDocument({ accountId: "999999999999" })), settings)).toBe(
    "instances of the account 999999999999 cannot be looked up",
  );
  expect(api.requests).toHaveLength(0);
});

const COULD_NOT = `${AWS_INSTANCE} could not be looked up: `;

test.each([
  { name: "refuses us", answer: 403, body: "", message: /answered HTTP 403$/ },
  { name: "sends us elsewhere", answer: 302, body: "", message: /answered HTTP 302$/ },
  { name: "answers nonsense", answer: 200, body: "<html>", message: /no XML that is taken here/ },
  { name: "answers something else", answer: 200, body: "<Other/>", message: /EC2 answered with Other$/ },
  { name: "answers too much", answer: 200, body: "<a>".repeat(200_000), message: /answered more than 524288 bytes$/ },
])("where EC2 $name, the instance is refused", async ({ answer, body, message }) => {
  api.answer = (response) => response.writeHead(answer, { location: `${endpoint}/elsewhere` }).end(body);
  const refused = await refusal(signedBy(ireland), instances());
  expect(refused).toMatch(message);
  expect(refused.startsWith(COULD_NOT)).toBe(true);
  expect(api.requests).toHaveLength(1);
});

test("credentials that are wrong or missing keep everybody out, and are not told", async () => {
  const wrong = { ...AUTHORITY_CALLER, credentials: { ...AUTHORITY_CALLER.credentials, secretAccessKey: "wrong" } };
  api.instances.push(runningInstance());
  expect(await refusal(signedBy(ireland), instances({ credentialsFile: credentialsFile(wrong) }))).toMatch(
    /answered HTTP 403$/,
  );
  expect(await refusal(signedBy(ireland), instances({ credentialsProfile: "none" }))).toContain(
    'its profile "none" has no AWS credentials',
  );
});

test("an instance is gone when it is terminated or unknown, and nobody knows when EC2 cannot be asked", async () => {
  const attestor = attestorOf(instances());
  const { signal } = new AbortController();
  const isGone = (machineId = `aws:${AWS_ACCOUNT}/eu-west-1/${AWS_INSTANCE}`) => attestor.isGone?.(machineId, signal);
  expect(await isGone()).toBe(true);
  api.instances.push(runningInstance({ state: "stopped" }));
  expect(await isGone()).toBe(false);
  api.instances.splice(0, 1, runningInstance({ state: "terminated" }));
  expect(await isGone()).toBe(true);
  expect(await isGone(`aws:999999999999/eu-west-1/${AWS_INSTANCE}`)).toBeUndefined();
  expect(await isGone("x509:00")).toBeUndefined();
  api.answer = (response) => response.writeHead(500).end();
  expect(await isGone()).toBeUndefined();
  expect("isGone" in attestorOf()).toBe(false);
});

test.each([
  { name: "no accounts", changes: { accounts: [] }, path: "accounts" },
  { name: "no regions", changes: { regions: [] }, path: "regions" },
  { name: "a region that is a path", changes: { regions: ["../eu-west-1"] }, path: "regions.0" },
  { name: "an account that is none", changes: { accounts: ["*"] }, path: "accounts.0" },
  { name: "no VPCs", changes: { instances: { account: AWS_ACCOUNT, vpcs: [] } }, path: "instances.vpcs" },
  {
    name: "an endpoint in the clear",
    changes: { instances: { account: AWS_ACCOUNT, endpoint: "http://127.0.0.1:1" } },
    path: "instances.endpoint",
  },
  {
    name: "an endpoint in the clear that is not loopback",
    changes: { instances: { account: AWS_ACCOUNT, endpoint: "http://ec2.example", allowPlainHttp: true } },
    path: "instances.endpoint",
  },
  {
    name: "an endpoint with a path",
    changes: { instances: { account: AWS_ACCOUNT, endpoint: "https://ec2.example/x" } },
    path: "instances.endpoint",
  },
  { name: "a key nobody knows", changes: { more: 1 }, path: "" },
])("settings are refused with $name", ({ changes, path }) => {
  const issues = schema.safeParse({ ...BASE, ...changes }).error?.issues ?? [];
  expect(issues.map((issue) => issue.path.join("."))).toStrictEqual([path]);
});

test("paths become absolute", () => {
  const settings = schema.parse({
    ...BASE,
    certificates: "aws",
    instances: { account: AWS_ACCOUNT, credentialsFile: "c" },
  });
  expect(resolveAwsIidPaths(settings, (path) => `/etc/${path}`)).toMatchObject({
    certificates: "/etc/aws",
    instances: { credentialsFile: "/etc/c" },
  });
  expect(resolveAwsIidPaths(schema.parse(BASE), (path) => path)).toStrictEqual(schema.parse(BASE));
});
