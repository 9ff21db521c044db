import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { z } from "zod";
import type { ProofInput } from "../../../../services/certificate-authority/attestation/attestor.ts";
import { createAwsStsAttestor } from "../../../../services/certificate-authority/attestation/aws-sts/attestor.ts";
import {
  awsStsShape,
  resolveAwsStsPaths,
} from "../../../../services/certificate-authority/attestation/aws-sts/settings.ts";
import { signAwsRequest } from "../../../../services/shared/attestation/aws-signature.ts";
import {
  type CallerIdentityOptions,
  signCallerIdentity,
} from "../../../../services/shared/attestation/caller-identity.ts";
import { credentialsFile } from "../../../builders/attestor-files.ts";
import { AUTHORITY_CALLER, AWS_ACCOUNT, AWS_INSTANCE, AWS_VPC, runningInstance } from "../../../builders/aws.ts";
import { proofInput, refusalIn } from "../../../builders/proof-input.ts";
import { AwsApi, type AwsCaller, callerIdentityXml } from "../../../fakes/aws-api.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const SECRET = "node/secret";
const CREDENTIALS = {
  accessKeyId: "ASIANODEEXAMPLE00000",
  secretAccessKey: SECRET,
  sessionToken: "IQoJb3JpZ2luX2VjE+/=",
};
const caller = (session: string, changes: Partial<AwsCaller> = {}): AwsCaller => ({
  credentials: CREDENTIALS,
  account: AWS_ACCOUNT,
  arn: `arn:aws:sts::${AWS_ACCOUNT}:assumed-role/${session}`,
  ...changes,
});
const NODE = caller(`nodes/${AWS_INSTANCE}`);

const api = new AwsApi(NODE, AUTHORITY_CALLER);
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

const schema = z.strictObject(awsStsShape);
const settingsOf = (changes: Readonly<Record<string, unknown>> = {}) => ({
  attestor: "aws_sts",
  accounts: [AWS_ACCOUNT],
  roles: ["nodes", "aws:ec2-instance"],
  sts: { endpoints: ["https://sts.eu-west-1.amazonaws.com", endpoint], allowPlainHttp: true, timeoutSeconds: 2 },
  ...changes,
});
const attestorOf = (changes: Readonly<Record<string, unknown>> = {}) =>
  createAwsStsAttestor(schema.parse(settingsOf(changes)), { clock: new SettableClock(NOW) });

const BIND = Buffer.alloc(32, 0xb1);
const proofOf = (changes: Partial<CallerIdentityOptions> = {}) =>
  signCallerIdentity({
    host: new URL(endpoint).host,
    region: "eu-west-1",
    bind: BIND,
    credentials: CREDENTIALS,
    now: NOW,
    ...changes,
  });
const inputOf = (proof: unknown = proofOf(), changes: Partial<ProofInput> = {}) =>
  proofInput({ now: NOW, bind: BIND, proof, ...changes });
const refusal = (proof: unknown, settings: Readonly<Record<string, unknown>> = {}) =>
  refusalIn(() => attestorOf(settings).verify(inputOf(proof)));

/** STS says, of whomever has signed. */
const tell = (who: AwsCaller): void => {
  api.answer = (response) => response.end(callerIdentityXml(who));
};

test("STS says who has signed: an instance in its role, fresh", async () => {
  const attestor = attestorOf();
  expect(await attestor.verify(inputOf())).toStrictEqual({
    machineId: `aws:${AWS_ACCOUNT}/${AWS_INSTANCE}`,
    pins: {},
    fields: { partition: "aws", account_id: AWS_ACCOUNT, role: "nodes", instance_id: AWS_INSTANCE },
    sans: { dnsNames: [], ipAddresses: [] },
    isFresh: true,
  });
  expect(api.requests).toHaveLength(1);
  expect(api.requests[0]).toMatchObject({
    line: "POST /",
    body: "Action=GetCallerIdentity&Version=2011-06-15",
    headers: { "x-node-attest-bind": "b1".repeat(32), accept: "application/xml" },
  });
  attestor.close?.();
});

test("the instance identity role, which EC2 has itself, counts as a role", async () => {
  tell(caller(`aws:ec2-instance/${AWS_INSTANCE}`));
  expect(await attestorOf().verify(inputOf())).toMatchObject({ fields: { role: "aws:ec2-instance" } });
});

test("another bind, node name or key: bind is another, and the request is not sent", async () => {
  expect(await refusal(proofOf({ bind: Buffer.alloc(32, 0xb2) }))).toBe(
    "the request was signed for another attestation",
  );
  expect(await refusal(proofOf({ bind: BIND.subarray(0, 31) }))).toBe("the request was signed for another attestation");
  expect(api.requests).toHaveLength(0);
});

const withHeaders = (changes: Readonly<Record<string, string>>) => {
  const proof = proofOf();
  return { ...proof, headers: { ...proof.headers, ...changes } };
};

test("a bind that was not signed does not count, because STS sees another request", async () => {
  const signedForAnother = proofOf({ bind: Buffer.alloc(32, 0xb2) });
  const headers = { ...signedForAnother.headers, "x-node-attest-bind": BIND.toString("hex") };
  expect(await refusal({ ...signedForAnother, headers })).toMatch(
    /^STS does not say who has signed the request: .* answered HTTP 403$/,
  );
});

/** As it is signed, but for these headers alone. */
const signedAs = (headers: Readonly<Record<string, string>>, body = "Action=GetCallerIdentity&Version=2011-06-15") => {
  const { host } = new URL(endpoint);
  const signed = signAwsRequest({ host, region: "eu-west-1", service: "sts", headers, body }, CREDENTIALS, NOW);
  return withHeaders({ authorization: signed["authorization"] ?? "" });
};
const CONTENT_TYPE = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
const BOUND = { "x-node-attest-bind": BIND.toString("hex") };

test.each([
  {
    name: "without the bind header",
    proof: () => signedAs(CONTENT_TYPE),
    message: /have to be signed, not content-type;host;x-amz-date;x-amz-security-token$/,
  },
  { name: "without the content type", proof: () => signedAs(BOUND), message: /have to be signed, not host;/ },
  {
    name: "with one more header",
    proof: () => signedAs({ ...CONTENT_TYPE, ...BOUND, "x-more": "1" }),
    message: /have to be signed/,
  },
  {
    name: "for another action",
    proof: () => signedAs({ ...CONTENT_TYPE, ...BOUND }, "Action=AssumeRole&Version=2011-06-15"),
    message: /answered HTTP 403$/,
  },
  {
    name: "with a parameter twice",
    proof: () =>
      signedAs({ ...CONTENT_TYPE, ...BOUND }, "Action=GetCallerIdentity&Action=AssumeRole&Version=2011-06-15"),
    message: /answered HTTP 403$/,
  },
  {
    name: "by somebody else with our key's id",
    proof: () => proofOf({ credentials: { ...CREDENTIALS, secretAccessKey: "guessed" } }),
    message: /answered HTTP 403$/,
  },
  {
    name: "for another host",
    proof: () => proofOf({ host: "sts.attacker.example" }),
    message: /does not list the host "sts.attacker.example" of STS$/,
  },
  { name: "for another port", proof: () => proofOf({ host: "127.0.0.1:1" }), message: /does not list the host/ },
  {
    name: "for a host with user",
    proof: () => ({ ...proofOf(), host: `x@${new URL(endpoint).host}` }),
    message: /does not list the host/,
  },
  {
    name: "20 minutes ago",
    proof: () => proofOf({ now: new Date(NOW.getTime() - 1_200_000) }),
    message: /not within 900 seconds of now$/,
  },
  {
    name: "in 20 minutes",
    proof: () => proofOf({ now: new Date(NOW.getTime() + 1_200_000) }),
    message: /not within 900 seconds of now$/,
  },
  {
    name: "at no time",
    proof: () => withHeaders({ "x-amz-date": "20260601T120000" }),
    message: /not within 900 seconds of now$/,
  },
  {
    name: "on two days",
    proof: () => withHeaders({ authorization: proofOf().headers.authorization.replace("/20260601/", "/20260531/") }),
    message: /of different days$/,
  },
  {
    name: "for another service",
    proof: () => withHeaders({ authorization: proofOf().headers.authorization.replace("/sts/", "/iam/") }),
    message: /no SigV4 signature for STS$/,
  },
  {
    name: "with a line break",
    proof: () => withHeaders({ authorization: `${proofOf().headers.authorization}\r\nx: y` }),
    message: /no SigV4 signature for STS$/,
  },
  {
    name: "with a token of two lines",
    proof: () => withHeaders({ "x-amz-security-token": "IQoJb3JpZ2luX2VjE\r\nx: y" }),
    message: /no session token$/,
  },
  {
    name: "with another token",
    proof: () => withHeaders({ "x-amz-security-token": "IQoJb3JpZ2luX2VjF+/=" }),
    message: /answered HTTP 403$/,
  },
])("refused: a request that was signed $name", async ({ proof, message }) => {
  expect(await refusal(proof())).toMatch(message);
});

test.each([
  {
    name: "of another account",
    who: caller(`nodes/${AWS_INSTANCE}`, {
      account: "999999999999",
      arn: `arn:aws:sts::999999999999:assumed-role/nodes/${AWS_INSTANCE}`,
    }),
    message: "the profile does not list the account 999999999999",
  },
  {
    name: "of two accounts",
    who: caller(`nodes/${AWS_INSTANCE}`, { account: "999999999999" }),
    message: "STS tells two accounts",
  },
  {
    name: "of another role",
    who: caller(`admins/${AWS_INSTANCE}`),
    message: "the profile does not list the role admins",
  },
  {
    name: "of another service's role",
    who: caller(`aws:other/${AWS_INSTANCE}`),
    message: "the profile does not list the role aws:other",
  },
  {
    name: "in a session of somebody's choice",
    who: caller("nodes/somebody"),
    message: expect.stringContaining("no EC2 instance in its role"),
  },
  {
    name: "in a session with more to it",
    who: caller(`nodes/${AWS_INSTANCE}/x`),
    message: expect.stringContaining("no EC2 instance in its role"),
  },
  {
    name: "who is a user",
    who: caller("", { arn: `arn:aws:iam::${AWS_ACCOUNT}:user/nodes/${AWS_INSTANCE}` }),
    message: expect.stringContaining("no EC2 instance in its role"),
  },
  {
    name: "who is the account",
    who: caller("", { arn: `arn:aws:iam::${AWS_ACCOUNT}:root` }),
    message: expect.stringContaining("no EC2 instance in its role"),
  },
])("refused: a caller $name", async ({ who, message }) => {
  tell(who);
  expect(await refusal(proofOf())).toEqual(message);
});

const RIGHT = callerIdentityXml(NODE);

test.each([
  { name: "redirects", status: 307, body: RIGHT, message: /answered HTTP 307$/ },
  {
    name: "answers in JSON",
    status: 200,
    body: '{"GetCallerIdentityResponse":{}}',
    message: /no XML that is taken here/,
  },
  {
    name: "answers another question",
    status: 200,
    body: RIGHT.replaceAll("GetCallerIdentityResponse", "AssumeRoleResponse"),
    message: /answered with AssumeRoleResponse$/,
  },
  {
    name: "tells two identities",
    status: 200,
    body: RIGHT.replace("</Arn>", `</Arn><Arn>${NODE.arn}</Arn>`),
    message: /has several Arn$/,
  },
  { name: "tells none", status: 200, body: RIGHT.replace(/<Arn>.*<\/Arn>/, ""), message: /has no Arn$/ },
  {
    name: "answers with a document type",
    status: 200,
    body: `<!DOCTYPE x>${RIGHT}`,
    message: /no XML that is taken here/,
  },
  { name: "answers too much", status: 200, body: RIGHT + " ".repeat(9000), message: /answered more than 8192 bytes$/ },
])("refused: STS $name", async ({ status, body, message }) => {
  api.answer = (response) => response.writeHead(status, { location: `${endpoint}/elsewhere` }).end(body);
  expect(await refusal(proofOf())).toMatch(message);
  expect(api.requests).toHaveLength(1);
});

test("STS that does not answer is not waited for longer than the settings say", async () => {
  api.answer = () => undefined;
  const sts = { endpoints: [endpoint], allowPlainHttp: true, timeoutSeconds: 0.2 };
  expect(await refusal(proofOf(), { sts })).toMatch(/did not answer within 200 ms$/);
});

test("a refusal holds nothing of what was signed", async () => {
  api.answer = (response) => response.writeHead(500).end();
  const message = await refusal(proofOf());
  for (const secret of [SECRET, CREDENTIALS.sessionToken, proofOf().headers.authorization.slice(-64)])
    expect(message).not.toContain(secret);
});

const instances = () => ({
  instances: {
    account: AWS_ACCOUNT,
    region: "eu-west-1",
    vpcs: [AWS_VPC],
    credentialsFile: credentialsFile(AUTHORITY_CALLER),
    endpoint,
    allowPlainHttp: true,
  },
});

test("with instances it also has to run, in a listed VPC", async () => {
  const attestor = attestorOf(instances());
  expect(await refusalIn(() => attestor.verify(inputOf()))).toBe(`EC2 knows no ${AWS_INSTANCE} in eu-west-1`);
  api.instances.push(runningInstance());
  expect(await attestor.verify(inputOf())).toMatchObject({
    fields: {
      vpc_id: AWS_VPC,
      region: "eu-west-1",
      private_ip: "10.0.1.2",
      private_dns_name: "ip-10-0-1-2.eu-west-1.compute.internal",
    },
    sans: { dnsNames: ["ip-10-0-1-2.eu-west-1.compute.internal"], ipAddresses: ["10.0.1.2"] },
    isFresh: true,
    launchedAt: new Date("2026-06-01T11:59:00Z"),
  });
  const { signal } = new AbortController();
  expect(await attestor.isGone?.(`aws:${AWS_ACCOUNT}/${AWS_INSTANCE}`, signal)).toBe(false);
  expect(await attestor.isGone?.(`aws:${AWS_ACCOUNT}/i-0fedcba9876543210`, signal)).toBe(true);
  expect(await attestor.isGone?.(`aws:${AWS_ACCOUNT}/eu-west-1/${AWS_INSTANCE}`, signal)).toBeUndefined();
  attestor.close?.();
});

test("a proof or greeting of another shape is refused", async () => {
  const proof = proofOf();
  const verify = (changed: unknown, hello: unknown = {}) => attestorOf().verify(inputOf(changed, { hello }));
  await expect(verify({ ...proof, url: "/?Action=AssumeRole" })).rejects.toThrow(z.ZodError);
  await expect(verify({ ...proof, headers: { ...proof.headers, host: "x" } })).rejects.toThrow(z.ZodError);
  await expect(verify({ host: proof.host })).rejects.toThrow(z.ZodError);
  await expect(verify(proof, { more: 1 })).rejects.toThrow(z.ZodError);
  expect(api.requests).toHaveLength(0);
});

test("whatever headers are claimed, nothing but our request is sent", async () => {
  const attestor = attestorOf();
  const right = proofOf().headers;
  const piece = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.constantFrom("\r\n", "/", ";host", " ", ",", "x-amz-date"),
  );
  const header = (value: string) =>
    fc.tuple(fc.nat(value.length), piece).map(([at, text]) => value.slice(0, at) + text + value.slice(at));
  const headers = fc.record({
    authorization: header(right.authorization),
    "x-amz-date": fc.oneof(fc.constant(right["x-amz-date"]), header(right["x-amz-date"])),
    "x-amz-security-token": fc.oneof(fc.constant(right["x-amz-security-token"]), header(right["x-amz-security-token"])),
    "x-node-attest-bind": fc.constant(right["x-node-attest-bind"]),
  });
  await fc.assert(
    fc.asyncProperty(headers, async (given) => {
      const refused = await refusalIn(() => attestor.verify(inputOf({ ...proofOf(), headers: given })));
      // Where nothing was put in between, it is the right request.
      if (refused === "accepted") expect(given).toEqual(right);
      for (const { line, body } of api.requests.splice(0)) {
        expect(line).toBe("POST /");
        expect(body).toBe("Action=GetCallerIdentity&Version=2011-06-15");
      }
    }),
    { numRuns: 100 },
  );
});

test.each([
  { name: "no accounts", changes: { accounts: [] }, path: "accounts" },
  { name: "no roles", changes: { roles: [] }, path: "roles" },
  { name: "a role with a path", changes: { roles: ["teams/nodes"] }, path: "roles.0" },
  { name: "a pattern of roles", changes: { roles: ["*"] }, path: "roles.0" },
  { name: "no endpoints", changes: { sts: { endpoints: [] } }, path: "sts.endpoints" },
  {
    name: "an endpoint in the clear",
    changes: { sts: { endpoints: ["http://127.0.0.1:1"] } },
    path: "sts.endpoints.0",
  },
  { name: "instances of no region", changes: { instances: { account: AWS_ACCOUNT } }, path: "instances.region" },
  { name: "a key nobody knows", changes: { more: 1 }, path: "" },
])("settings are refused with $name", ({ changes, path }) => {
  const issues = schema.safeParse(settingsOf(changes)).error?.issues ?? [];
  expect(issues.map((issue) => issue.path.join("."))).toStrictEqual([path]);
});

test("settings with instances in the clear are refused, and paths become absolute", () => {
  const plain = { account: AWS_ACCOUNT, region: "eu-west-1", endpoint: "http://127.0.0.1:1" };
  expect(schema.safeParse(settingsOf({ instances: plain })).success).toBe(false);
  const settings = schema.parse(
    settingsOf({ instances: { ...plain, endpoint: "https://ec2.example", credentialsFile: "c" } }),
  );
  expect(resolveAwsStsPaths(settings, (path) => `/etc/${path}`).instances).toMatchObject({
    region: "eu-west-1",
    credentialsFile: "/etc/c",
  });
});
