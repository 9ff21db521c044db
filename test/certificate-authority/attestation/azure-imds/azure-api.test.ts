import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { z } from "zod";
import { createAzureImdsAttestor } from "../../../../services/certificate-authority/attestation/azure-imds/attestor.ts";
import { azureImdsShape } from "../../../../services/certificate-authority/attestation/azure-imds/settings.ts";
import { pemFile } from "../../../builders/attestor-files.ts";
import {
  AZURE_BIND,
  AZURE_SUBSCRIPTION,
  AZURE_VM,
  attestedDocument,
  azureAuthorities,
  azureSigned,
  azureSigner,
  issuedBy,
  repositoryUrl,
} from "../../../builders/azure.ts";
import { buildChainAuthority, CHAIN_NOW, extension, generalName } from "../../../builders/certificate-chain.ts";
import { proofInput, refusalIn } from "../../../builders/proof-input.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { AzureApi } from "../../../fakes/azure-api.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const CLIENT = {
  tenantId: "11111111-2222-4333-8444-555555555555",
  clientId: "66666666-7777-4888-8999-aaaaaaaaaaaa",
  secret: "s3cret",
};
const { root, top, issuing } = azureAuthorities();
const signer = azureSigner({ issuer: issuing });

const api = new AzureApi(CLIENT);
let endpoint = "";
beforeAll(async () => {
  endpoint = await api.listen();
});
afterEach(() => {
  api.machines.clear();
  api.certificates.clear();
  api.requests.length = 0;
  api.answer = undefined;
});
afterAll(() => api.close());

const schema = z.strictObject(azureImdsShape);
const BASE = {
  attestor: "azure_imds",
  subscriptions: [AZURE_SUBSCRIPTION],
  roots: pemFile(root),
  intermediates: pemFile(top, issuing),
};
const attestorOf = (changes: object, clock = new SettableClock(CHAIN_NOW)) =>
  createAzureImdsAttestor(schema.parse({ ...BASE, ...changes }), { clock });
const inputOf = (cms: Buffer, resourceId?: string) => {
  const document = cms.toString("base64url");
  const proof = { document, ...(resourceId !== undefined && { resourceId }) };
  return proofInput({ now: CHAIN_NOW, bind: AZURE_BIND, proof });
};
const refusal = (cms: Buffer, settings: object, resourceId?: string) =>
  refusalIn(() => attestorOf(settings).verify(inputOf(cms, resourceId)));

const NO_ANCHOR = /leads to no anchor of the profile/;
const fetching = () => ({ intermediates: undefined, fetchIntermediates: { endpoint, allowPlainHttp: true } });
const elsewhere = (url: string) =>
  azureSigner({
    issuer: issuing,
    extensions: [extension.alternativeNames(generalName.dns("metadata.azure.com")), issuedBy(url)],
  });

test("intermediates are fetched where the certificates say, and kept for a day", async () => {
  api.certificates.set("issuing.crt", issuing.der).set("top%20ca.crt", top.der);
  const clock = new SettableClock(CHAIN_NOW);
  const attestor = attestorOf(fetching(), clock);
  const verify = () => refusalIn(() => attestor.verify(inputOf(azureSigned(signer))));
  expect(await verify()).toBe("accepted");
  const once = ["GET /pkiops/certs/issuing.crt", "GET /pkiops/certs/top%20ca.crt"];
  expect(api.requests).toStrictEqual(once);
  expect(await verify()).toBe("accepted");
  expect(api.requests).toStrictEqual(once);
  clock.advance(86_401);
  expect(await verify()).toBe("accepted");
  expect(api.requests).toStrictEqual([...once, ...once]);
  attestor.close?.();
});

test("what cannot be fetched is not asked for again soon, nor is anything else in a row", async () => {
  const clock = new SettableClock(CHAIN_NOW);
  const attestor = attestorOf(fetching(), clock);
  const verify = (certificate = signer) => refusalIn(() => attestor.verify(inputOf(azureSigned(certificate))));
  const other = elsewhere(repositoryUrl("other.crt"));
  expect(await verify()).toMatch(NO_ANCHOR);
  expect(await verify(other)).toMatch(NO_ANCHOR);
  expect(api.requests).toStrictEqual(["GET /pkiops/certs/issuing.crt"]);
  api.certificates.set("issuing.crt", issuing.der).set("top%20ca.crt", top.der).set("other.crt", issuing.der);
  clock.advance(3);
  expect(await verify()).toMatch(NO_ANCHOR);
  expect(api.requests).toHaveLength(1);
  expect(await verify(other)).toBe("accepted");
  clock.advance(300);
  expect(await verify()).toBe("accepted");
});

test.each([
  { name: "another host", url: "http://evil.example/pkiops/certs/issuing.crt" },
  { name: "another path", url: "http://www.microsoft.com/en-us/issuing.crt" },
  { name: "a way out of the path", url: "http://www.microsoft.com/pkiops/certs/../../issuing.crt" },
  { name: "a query", url: "http://www.microsoft.com/pkiops/certs/issuing.crt?x" },
  { name: "a port", url: "http://www.microsoft.com:8080/pkiops/certs/issuing.crt" },
  { name: "a user", url: "http://www.microsoft.com@evil.example/pkiops/certs/issuing.crt" },
])("nothing is fetched from $name", async ({ url }) => {
  api.certificates.set("issuing.crt", issuing.der);
  expect(await refusal(azureSigned(elsewhere(url)), fetching())).toMatch(NO_ANCHOR);
  expect(api.requests).toHaveLength(0);
});

test.each([
  { name: "another certificate", answer: buildChainAuthority({ commonName: "x" }).der },
  { name: "no certificate", answer: Buffer.from("<html>") },
  { name: "too much", answer: Buffer.alloc(20_000) },
])("$name in the repository leads nowhere", async ({ answer }) => {
  api.certificates.set("issuing.crt", answer);
  expect(await refusal(azureSigned(signer), fetching())).toMatch(NO_ANCHOR);
});

test("nothing is fetched for a document of another attestation", async () => {
  const cms = azureSigned(signer, attestedDocument({ nonce: "0".repeat(32) }));
  expect(await refusal(cms, fetching())).toMatch(/nonce/);
  expect(api.requests).toHaveLength(0);
});

const GROUP = `/subscriptions/${AZURE_SUBSCRIPTION}/resourceGroups/Nodes`;
const MACHINE = `${GROUP}/providers/Microsoft.Compute/virtualMachines/worker-1`;
const SCALE_SET = `${GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/workers/virtualMachines/7`;
const lookingUp = (changes: object = {}) => ({
  virtualMachines: { identity: { managedIdentity: { endpoint } }, endpoint, allowPlainHttp: true, ...changes },
});
const addMachine = (resourceId: string, vmId = AZURE_VM) =>
  api.machines.set(resourceId.toLowerCase(), { vmId, name: "worker-1", computerName: "Worker-1" });

test.each([
  { name: "a machine", resourceId: MACHINE, fields: {} },
  { name: "a machine of a scale set", resourceId: SCALE_SET, fields: { scale_set: "workers" } },
  { name: "a machine, in capitals", resourceId: MACHINE.toUpperCase(), fields: {} },
])("the resource API knows $name", async ({ resourceId, fields }) => {
  addMachine(resourceId, AZURE_VM.toUpperCase());
  const attestor = attestorOf(lookingUp({ resourceGroups: ["NODES"] }));
  expect(await attestor.verify(inputOf(azureSigned(signer), resourceId))).toStrictEqual({
    machineId: `azure:${AZURE_SUBSCRIPTION}/${AZURE_VM}`,
    pins: {},
    fields: {
      subscription_id: AZURE_SUBSCRIPTION,
      vm_id: AZURE_VM,
      resource_group: "nodes",
      vm_name: "worker-1",
      computer_name: "worker-1",
      ...fields,
    },
    isFresh: true,
  });
  attestor.close?.();
});

const NO_ID = /is no resource id of a virtual machine$/;

test.each([
  {
    name: "that is another machine",
    resourceId: MACHINE,
    vmId: AZURE_SUBSCRIPTION,
    message: /is the machine .*, the document's is/,
  },
  { name: "that is not there", resourceId: MACHINE, vmId: undefined, message: /looked up: .* answered HTTP 404$/ },
  { name: "that is not named", resourceId: undefined, vmId: AZURE_VM, message: /the proof has no resourceId/ },
  {
    name: "of another subscription",
    resourceId: MACHINE.replace(AZURE_SUBSCRIPTION, AZURE_VM),
    vmId: AZURE_VM,
    message: /of another subscription than the document$/,
  },
  {
    name: "of another group",
    resourceId: MACHINE.replace("Nodes", "others"),
    vmId: AZURE_VM,
    message: /does not list the resource group others$/,
  },
  { name: "of another kind", resourceId: MACHINE.replace("virtualMachines", "disks"), vmId: AZURE_VM, message: NO_ID },
  { name: "with more to it", resourceId: `${MACHINE}/extensions/x`, vmId: AZURE_VM, message: NO_ID },
  { name: "with a query", resourceId: `${MACHINE}?x=y`, vmId: AZURE_VM, message: NO_ID },
  { name: "with a way up", resourceId: MACHINE.replace("worker-1", ".."), vmId: AZURE_VM, message: NO_ID },
])("refused: a resource $name", async ({ resourceId, vmId, message }) => {
  if (vmId !== undefined) addMachine(MACHINE, vmId);
  const settings = lookingUp({ resourceGroups: ["nodes"] });
  expect(await refusal(azureSigned(signer), settings, resourceId)).toMatch(message);
});

test.each([
  { name: "redirects", status: 302, body: "" },
  { name: "answers nonsense", status: 200, body: "[]" },
  { name: "answers too much", status: 200, body: "x".repeat(300_000) },
])("where Azure $name, the machine is refused", async ({ status, body }) => {
  api.answer = (response) => response.writeHead(status, { location: `${endpoint}/elsewhere` }).end(body);
  expect(await refusal(azureSigned(signer), lookingUp(), MACHINE)).toMatch(/Azure gives us no access token/);
  expect(api.requests).toHaveLength(1);
});

test("a token is used until shortly before it ends", async () => {
  addMachine(MACHINE);
  const clock = new SettableClock(CHAIN_NOW);
  const attestor = attestorOf(lookingUp(), clock);
  const verify = () => refusalIn(() => attestor.verify(inputOf(azureSigned(signer), MACHINE)));
  const tokens = () => api.requests.filter((request) => request.includes("/token")).length;
  expect([await verify(), await verify(), tokens()]).toStrictEqual(["accepted", "accepted", 1]);
  clock.advance(3299);
  expect([await verify(), tokens()]).toStrictEqual(["accepted", 1]);
  clock.advance(1);
  expect([await verify(), tokens()]).toStrictEqual(["accepted", 2]);
});

test("a client's secret comes from a file, and is not told", async () => {
  addMachine(MACHINE);
  const secretFile = join(temporaryDirectory(), "secret");
  writeFileSync(secretFile, `${CLIENT.secret}\n`);
  const { tenantId, clientId } = CLIENT;
  const settings = lookingUp({ identity: { clientSecret: { tenantId, clientId, secretFile, endpoint } } });
  expect(await refusal(azureSigned(signer), settings, MACHINE)).toBe("accepted");
  expect(api.requests[0]).toBe(`POST /${tenantId}/oauth2/v2.0/token`);
  writeFileSync(secretFile, "wr0ng-secret");
  const refused = await refusal(azureSigned(signer), settings, MACHINE);
  expect(refused).toMatch(/Azure gives us no access token: .* answered HTTP 400$/);
  expect(refused).not.toContain("wr0ng");
});
