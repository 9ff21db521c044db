import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { selfRenewalHook } from "../../../services/certificate-authority/approval/hooks/self-renewal.ts";
import type { CertificateRecord } from "../../../services/certificate-authority/domain/certificate.ts";
import type { CsrFacts } from "../../../services/certificate-authority/domain/csr-facts.ts";
import { facts } from "../../builders/facts.ts";
import { certificateRecord } from "../../builders/records.ts";
import { type RequestArguments, request } from "../../builders/request.ts";
import { buildSans } from "../../builders/subject.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { makeLeaf } from "../../end-to-end/support/client-certificates.ts";
import { makeAuthority } from "../../end-to-end/support/openssl-authority.ts";
import { reviewInput } from "../../fakes/review-history.ts";

const NOW = new Date("2026-01-10T00:00:00Z");
const SIGNER = "example.com/backup";
const CREDENTIAL_ID = "authentication.kubernetes.io/credential-id";

const directory = temporaryDirectory();
const authority = makeAuthority(directory, { commonName: "ca", kind: "ecdsa-p384" });
const { certificateFile } = makeLeaf(directory, authority, {
  ...{ name: "db", subject: "/O=backup/CN=db", extensions: ["extendedKeyUsage=clientAuth"] },
});
const { raw: der, fingerprint256 } = new X509Certificate(readFileSync(certificateFile));
const fingerprint = fingerprint256.replaceAll(":", "").toLowerCase();
const sans = buildSans({ dnsNames: ["db.example.com"] });

const shown = certificateRecord({
  ...{ der, fingerprint, signerName: SIGNER, nodeName: undefined, commonName: "db", organizations: ["backup"], sans },
});

interface Row {
  readonly name: string;
  readonly record?: Partial<CertificateRecord>;
  readonly spec?: NonNullable<RequestArguments["spec"]>;
  readonly asked?: Partial<CsrFacts>;
  readonly message: string;
}

const usual = facts({ subject: { commonName: "db", organization: ["backup"] } });
const subject = usual.subject;

function review({ record, spec, asked }: Omit<Row, "name" | "message">) {
  const onRecord = { ...shown, ...record };
  const hook = selfRenewalHook({ get: async (id) => (id === fingerprint ? onRecord : undefined) });
  const csr = request({
    spec: {
      ...{ signerName: SIGNER, username: "db", usages: ["digital signature", "client auth"] },
      extra: { [CREDENTIAL_ID]: [`X509SHA256=${fingerprint}`] },
      ...spec,
    },
  });
  return hook.review(reviewInput({ csr, facts: { ...usual, sans, ...asked }, now: NOW }));
}

test("who shows a live certificate may have the same subject and names again", async () => {
  expect(await review({})).toMatchObject({
    ...{ kind: "approved", reason: "SelfRenewal" },
    evidence: { fingerprint, renews: { fingerprint, sansAdded: [], sansRemoved: [] } },
  });
});

test.each<Row>([
  { name: "no certificate was shown", spec: { extra: {} }, message: "showed no client certificate" },
  {
    ...{ name: "a credential of another kind", spec: { extra: { [CREDENTIAL_ID]: ["JTI=1"] } } },
    message: "showed no client certificate",
  },
  {
    name: "two credentials",
    spec: { extra: { [CREDENTIAL_ID]: [`X509SHA256=${fingerprint}`, `X509SHA256=${"0".repeat(64)}`] } },
    message: "showed no client certificate",
  },
  {
    ...{
      name: "a certificate that is not ours",
      spec: { extra: { [CREDENTIAL_ID]: [`X509SHA256=${"0".repeat(64)}`] } },
    },
    message: "is not on record",
  },
  { name: "a revoked one", record: { state: "revoked" }, message: "the certificate is revoked" },
  { name: "an expired one", record: { notAfter: NOW }, message: "is not valid now" },
  {
    name: "one of another signer",
    record: { signerName: "example.com/other" },
    message: "of the signer example.com/other",
  },
  { name: "another signer", spec: { signerName: "example.com/root" }, message: "of the signer example.com/backup" },
  { name: "another user", spec: { username: "other" }, message: "names another user" },
  {
    name: "another common name",
    asked: { subject: { ...subject, commonName: "admin" } },
    message: "subject is another",
  },
  {
    ...{ name: "another organization", asked: { subject: { ...subject, organization: ["backup", "system:masters"] } } },
    message: "the subject is another",
  },
  { name: "a country besides", asked: { subject: { ...subject, country: ["DE"] } }, message: "the subject is another" },
  {
    ...{ name: "a further name", asked: { sans: buildSans({ dnsNames: ["db.example.com", "x.example.com"] }) } },
    message: "the names are others",
  },
  {
    ...{ name: "a name of another kind", asked: { sans: buildSans({ uris: ["db.example.com"] }) } },
    message: "the names are others",
  },
  { name: "a name less", asked: { sans: buildSans() }, message: "the names are others" },
  { name: "a further usage", spec: { usages: ["client auth", "server auth"] }, message: "not for server auth" },
  { name: "a CA's usage", spec: { usages: ["client auth", "cert sign"] }, message: "not for cert sign" },
])("is no renewal: $name", async ({ message, ...row }) => {
  expect(await review(row)).toMatchObject({ kind: "noOpinion", message: expect.stringContaining(message) });
});
