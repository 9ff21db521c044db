import { writeFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { z } from "zod";
import type { ProofInput } from "../../../../services/certificate-authority/attestation/attestor.ts";
import { createAzureImdsAttestor } from "../../../../services/certificate-authority/attestation/azure-imds/attestor.ts";
import {
  azureImdsShape,
  resolveAzureImdsPaths,
} from "../../../../services/certificate-authority/attestation/azure-imds/settings.ts";
import { AttestationRefusal } from "../../../../services/certificate-authority/attestation/refusal.ts";
import { azureNonce } from "../../../../services/shared/attestation/proofs.ts";
import { pemFile } from "../../../builders/attestor-files.ts";
import {
  AZURE_BIND,
  AZURE_STYLE,
  AZURE_SUBSCRIPTION,
  AZURE_VM,
  attestedDocument,
  azureAuthorities,
  azureSigned,
  azureSigner,
} from "../../../builders/azure.ts";
import {
  buildChainAuthority,
  CHAIN_NOW,
  type ChainCertificateArguments,
  extension,
  generalName,
} from "../../../builders/certificate-chain.ts";
import { buildCms, type CmsArguments } from "../../../builders/cms.ts";
import { generateKey } from "../../../builders/keys.ts";
import { opensslCms } from "../../../builders/openssl-cms.ts";
import { proofInput, refusalIn } from "../../../builders/proof-input.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const { root, top, issuing } = azureAuthorities();
const signerOf = (args: ChainCertificateArguments = {}, ...names: readonly string[]) =>
  azureSigner({ issuer: issuing, ...args }, ...names);
const signer = signerOf();
const strangers = buildChainAuthority({ commonName: "issuing" });
const others = ["a", "b", "c", "d", "e"].map((commonName) => buildChainAuthority({ commonName, issuer: root }));

const schema = z.strictObject(azureImdsShape);
const BASE = {
  attestor: "azure_imds",
  subscriptions: [AZURE_SUBSCRIPTION],
  roots: pemFile(root),
  intermediates: pemFile(...others, top, issuing),
};
const attestorOf = (changes: Readonly<Record<string, unknown>> = {}) =>
  createAzureImdsAttestor(schema.parse({ ...BASE, ...changes }), { clock: new SettableClock(CHAIN_NOW) });
const inputOf = (cms: Buffer, changes: Partial<ProofInput> = {}) =>
  proofInput({ now: CHAIN_NOW, bind: AZURE_BIND, proof: { document: cms.toString("base64url") }, ...changes });
const refusal = (cms: Buffer, settings: Readonly<Record<string, unknown>> = {}) =>
  refusalIn(() => attestorOf(settings).verify(inputOf(cms)));
const cmsOf = (args: Partial<CmsArguments>) =>
  buildCms({
    content: attestedDocument(),
    signers: [{ certificate: signer, ...AZURE_STYLE }],
    certificates: [signer.der],
    ...args,
  });

test.each([
  { name: "signed as Azure's manual shows it", cms: () => azureSigned(signer) },
  { name: "signed by openssl, with attributes", cms: () => opensslCms(attestedDocument(), signer) },
  { name: "in BER", cms: () => opensslCms(attestedDocument(), signer, "-stream", "-noattr") },
  {
    name: "with certificates of others before the signer's",
    cms: () => cmsOf({ certificates: [root.der, issuing.der, signer.der] }),
  },
])("a document shows the machine, fresh: $name", async ({ cms }) => {
  expect(await attestorOf().verify(inputOf(cms()))).toStrictEqual({
    machineId: `azure:${AZURE_SUBSCRIPTION}/${AZURE_VM}`,
    pins: {},
    fields: { subscription_id: AZURE_SUBSCRIPTION, vm_id: AZURE_VM },
    isFresh: true,
  });
});

const NO_ANCHOR = /leads to no anchor of the profile/;

test("intermediates may be in the message, or configured, or both", async () => {
  const whole = azureSigned(signer, attestedDocument(), issuing, top);
  expect(await refusal(whole, { intermediates: undefined })).toBe("accepted");
  expect(await refusal(azureSigned(signer, attestedDocument(), issuing))).toBe("accepted");
  expect(await refusal(azureSigned(signer), { intermediates: undefined })).toMatch(NO_ANCHOR);
});

test("ids are told in lower case, whatever the document's", async () => {
  const ids = { vmId: AZURE_VM.toUpperCase(), subscriptionId: AZURE_SUBSCRIPTION.toUpperCase() };
  const evidence = await attestorOf().verify(inputOf(azureSigned(signer, attestedDocument(ids))));
  expect(evidence.machineId).toBe(`azure:${AZURE_SUBSCRIPTION}/${AZURE_VM}`);
});

const time = (createdOn: string, expiresOn = "06/02/26 00:00:00 -0000") => ({ timeStamp: { createdOn, expiresOn } });

test.each([
  { name: "seven minutes old, clocks two minutes apart", document: time("06/01/26 11:53:00 -0000") },
  { name: "two minutes ahead", document: time("06/01/26 12:02:00 -0000") },
  { name: "expired a minute ago", document: time("06/01/26 11:58:00 -0000", "06/01/26 11:59:00 -0000") },
  { name: "without an end", document: { timeStamp: { createdOn: "06/01/26 11:59:00 -0000" } } },
])("a document is taken that is $name", async ({ document }) => {
  expect(await refusal(azureSigned(signer, attestedDocument(document)))).toBe("accepted");
});

test.each([
  { name: "another bind's", document: { nonce: azureNonce(Buffer.alloc(32, 0xc2)) }, message: /nonce is not bind's$/ },
  {
    name: "of half a nonce",
    document: { nonce: azureNonce(AZURE_BIND).slice(0, 16) },
    message: /nonce is not bind's$/,
  },
  { name: "of no nonce", document: { nonce: undefined }, message: /nonce/ },
  { name: "older", document: time("06/01/26 11:52:59 -0000"), message: /too long ago$/ },
  { name: "further ahead", document: time("06/01/26 12:02:01 -0000"), message: /in the future/ },
  {
    name: "expired",
    document: time("06/01/26 11:55:00 -0000", "06/01/26 11:57:59 -0000"),
    message: /has expired at 06\/01\/26 11:57:59 -0000$/,
  },
  { name: "of the 31st of February", document: time("02/31/26 11:59:00 -0000"), message: /is no time of an attested/ },
  { name: "of another time zone", document: time("06/01/26 11:59:00 +0000"), message: /is no time of an attested/ },
  {
    name: "of another subscription",
    document: { subscriptionId: AZURE_VM },
    message: new RegExp(`does not list the subscription ${AZURE_VM}$`),
  },
  { name: "of no machine", document: { vmId: "" }, message: /vmId/ },
  { name: "of no subscription", document: { subscriptionId: undefined }, message: /subscriptionId/ },
])("a signed document is refused that is $name", async ({ document, message }) => {
  expect(await refusal(azureSigned(signer, attestedDocument(document)))).toMatch(message);
});

test("a document with a key twice is refused, although it was signed", async () => {
  const twice = attestedDocument().toString().replace('"vmId"', '"subscriptionId":"x","vmId"');
  expect(await refusal(azureSigned(signer, Buffer.from(twice)))).toContain('the key "subscriptionId" comes twice');
});

const newKey = () => generateKey("rsa-2048").privateKey;
const named = (name: string) => extension.alternativeNames(generalName.dns(name));

test.each([
  {
    name: "somebody of another CA of that name",
    cms: () => azureSigned(signerOf({ issuer: strangers }), attestedDocument(), strangers),
    message: NO_ANCHOR,
  },
  {
    name: "somebody, with Azure's certificate beside their own",
    cms: () => azureSigned(signerOf({ issuer: strangers, key: newKey() }), attestedDocument(), signer),
    message: NO_ANCHOR,
  },
  {
    name: "somebody, Azure's certificate first",
    cms: () => {
      const certificate = signerOf({ issuer: strangers, key: newKey() });
      return cmsOf({ signers: [{ certificate, ...AZURE_STYLE }], certificates: [signer.der, certificate.der] });
    },
    message: NO_ANCHOR,
  },
  {
    name: "somebody who names Azure's certificate",
    cms: () => cmsOf({ signers: [{ certificate: signer, key: newKey(), ...AZURE_STYLE }] }),
    message: /^the signature is wrong$/,
  },
  {
    name: "the holder of a certificate for another name",
    cms: () => azureSigned(signerOf({}, "www.azure.com")),
    message: /is for www\.azure\.com, not for the metadata service$/,
  },
  {
    name: "the holder of one whose names are alike",
    cms: () => azureSigned(signerOf({}, "evilmetadata.azure.com", "metadata.azure.com.evil.example")),
    message: /not for the metadata service$/,
  },
  {
    name: "the holder of one for nobody",
    cms: () => azureSigned(signerOf({ extensions: [] })),
    message: /is for nobody, not for the metadata service$/,
  },
  {
    name: "a CA for that name",
    cms: () => {
      const extensions = [named("metadata.azure.com")];
      return azureSigned(buildChainAuthority({ commonName: "ca", issuer: top, keyAlgorithm: "rsa-2048", extensions }));
    },
    message: /the certificate is a CA's$/,
  },
  {
    name: "an expired certificate",
    cms: () => azureSigned(signerOf({ notAfter: new Date("2026-05-31T00:00:00Z") })),
    message: /has expired$/,
  },
  {
    name: "a certificate of tomorrow",
    cms: () => azureSigned(signerOf({ notBefore: new Date("2026-06-02T00:00:00Z") })),
    message: /is not valid yet$/,
  },
  {
    name: "a certificate for other uses",
    cms: () =>
      azureSigned(signerOf({ extensions: [extension.keyUsage("keyEncipherment"), named("metadata.azure.com")] })),
    message: /key usage does not allow this$/,
  },
  {
    name: "Azure, without its certificate",
    cms: () => cmsOf({ certificates: [] }),
    message: /does not hold its signer's certificate$/,
  },
  {
    name: "Azure, with its certificate twice",
    cms: () => cmsOf({ certificates: [signer.der, signer.der] }),
    message: /several certificates of its signer$/,
  },
  {
    name: "Azure and another",
    cms: () => cmsOf({ signers: [{ certificate: signer }, { certificate: signerOf() }] }),
    message: /more than one signer$/,
  },
  { name: "Azure, detached", cms: () => cmsOf({ shownContent: null }), message: /detached/ },
  {
    name: "Azure, for another content",
    cms: () => cmsOf({ shownContent: attestedDocument({ vmId: AZURE_SUBSCRIPTION }) }),
    message: /^the signature is wrong$/,
  },
  {
    name: "Azure, and followed by something",
    cms: () => Buffer.concat([azureSigned(signer), Buffer.alloc(1)]),
    message: /trailing data$/,
  },
])("refused, signed by $name", async ({ cms, message }) => {
  expect(await refusal(cms())).toMatch(message);
});

test.each([
  { name: "the domain itself", signerName: "metadata.azure.com", domains: undefined, isTaken: true },
  { name: "a name below, in capitals", signerName: "EastUS.Metadata.Azure.com", domains: undefined, isTaken: true },
  { name: "a configured cloud's", signerName: "x.metadata.azure.us", domains: ["metadata.azure.us"], isTaken: true },
  { name: "another cloud's", signerName: "x.metadata.azure.us", domains: undefined, isTaken: false },
  { name: "one not configured", signerName: "metadata.azure.com", domains: ["metadata.azure.us"], isTaken: false },
])("the signer's name: $name", async ({ signerName, domains, isTaken }) => {
  const refused = await refusal(azureSigned(signerOf({}, signerName)), domains && { signerDomains: domains });
  expect(refused === "accepted").toBe(isTaken);
});

test("a root that is taken away counts no longer", async () => {
  const path = pemFile(root);
  const attestor = attestorOf({ roots: path });
  const verify = () => refusalIn(() => attestor.verify(inputOf(azureSigned(signer))));
  expect(await verify()).toBe("accepted");
  writeFileSync(path, strangers.pem);
  expect(await verify()).toMatch(NO_ANCHOR);
  writeFileSync(path, "");
  expect(await verify()).toMatch(/cannot be used: it holds no PEM certificate$/);
});

test("a proof or greeting of another shape is refused", async () => {
  const document = azureSigned(signer).toString("base64url");
  const verify = (proof: unknown, hello: unknown = {}) =>
    attestorOf().verify(proofInput({ now: CHAIN_NOW, bind: AZURE_BIND, proof, hello }));
  await expect(verify({})).rejects.toThrow(z.ZodError);
  await expect(verify({ document: `${document}=` })).rejects.toThrow(z.ZodError);
  await expect(verify({ document, more: 1 })).rejects.toThrow(z.ZodError);
  await expect(verify({ document: "A".repeat(30_000) })).rejects.toThrow(z.ZodError);
  await expect(verify({ document }, { more: 1 })).rejects.toThrow(z.ZodError);
});

test("a document that ends early is refused at every octet", async () => {
  const cms = azureSigned(signer);
  const attestor = attestorOf();
  for (let length = 0; length < cms.length; length += 1)
    expect(await refusalIn(() => attestor.verify(inputOf(cms.subarray(0, length))))).toMatch(/^the document is no CMS/);
});

test("whatever was signed, it is evidence or refused; so is whatever was changed", async () => {
  const attestor = attestorOf();
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.json(), fc.string()), async (content) => {
      const verification = attestor.verify(inputOf(azureSigned(signer, Buffer.from(content))));
      await expect(verification).rejects.toThrow(AttestationRefusal);
    }),
    { numRuns: 50 },
  );
  const right = azureSigned(signer, attestedDocument(), issuing);
  await fc.assert(
    fc.asyncProperty(fc.nat(right.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Buffer.from(right);
      changed[at] = (changed[at] ?? 0) ^ change;
      let machineId = "";
      const refused = await refusalIn(async () => {
        ({ machineId } = await attestor.verify(inputOf(changed)));
      });
      // The intermediate is configured too: what happens to it in the message does not matter.
      if (refused === "accepted") expect(machineId).toBe(`azure:${AZURE_SUBSCRIPTION}/${AZURE_VM}`);
    }),
    { numRuns: 1000 },
  );
});

const identity = { managedIdentity: {} };
const clientSecret = { tenantId: AZURE_VM, clientId: AZURE_VM, secretFile: "secret" };
const PLAIN = "http://127.0.0.1:1";

test.each([
  { name: "no subscriptions", changes: { subscriptions: [] }, path: "subscriptions" },
  { name: "a subscription that is none", changes: { subscriptions: ["*"] }, path: "subscriptions.0" },
  { name: "no signer domains", changes: { signerDomains: [] }, path: "signerDomains" },
  {
    name: "no resource groups",
    changes: { virtualMachines: { identity, resourceGroups: [] } },
    path: "virtualMachines.resourceGroups",
  },
  { name: "no identity", changes: { virtualMachines: { identity: {} } }, path: "virtualMachines.identity" },
  {
    name: "two identities",
    changes: { virtualMachines: { identity: { ...identity, clientSecret } } },
    path: "virtualMachines.identity",
  },
  {
    name: "an API in the clear",
    changes: { virtualMachines: { identity, endpoint: PLAIN } },
    path: "virtualMachines.endpoint",
  },
  {
    name: "a token in the clear",
    changes: { virtualMachines: { identity: { managedIdentity: { endpoint: PLAIN } } } },
    path: "virtualMachines.identity.managedIdentity.endpoint",
  },
  {
    name: "a secret in the clear",
    changes: { virtualMachines: { identity: { clientSecret: { ...clientSecret, endpoint: PLAIN } } } },
    path: "virtualMachines.identity.clientSecret.endpoint",
  },
  {
    name: "a repository in the clear",
    changes: { fetchIntermediates: { endpoint: PLAIN } },
    path: "fetchIntermediates.endpoint",
  },
  { name: "a key nobody knows", changes: { more: 1 }, path: "" },
])("settings are refused with $name", ({ changes, path }) => {
  const issues = schema.safeParse({ ...BASE, ...changes }).error?.issues ?? [];
  expect(issues.map((issue) => issue.path.join("."))).toStrictEqual([path]);
});

test("paths become absolute", () => {
  const absolute = (path: string): string => `/etc/${path}`;
  const paths = { roots: "roots", intermediates: "cas", virtualMachines: { identity: { clientSecret } } };
  expect(resolveAzureImdsPaths(schema.parse({ ...BASE, ...paths }), absolute)).toMatchObject({
    roots: "/etc/roots",
    intermediates: "/etc/cas",
    virtualMachines: { identity: { clientSecret: { secretFile: "/etc/secret" } } },
  });
  const few = schema.parse({ ...BASE, roots: "roots", intermediates: undefined, virtualMachines: { identity } });
  expect(resolveAzureImdsPaths(few, absolute)).toEqual({ ...few, roots: "/etc/roots" });
});
