import { createHash } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import {
  type ClientCertificateFields,
  createCertificateAuthenticator,
} from "../../../services/certificate-authority/access/client-certificate.ts";
import type { Subject } from "../../../services/certificate-authority/domain/csr-facts.ts";
import { buildSubject } from "../../builders/subject.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

type Overrides = Partial<Omit<ClientCertificateFields, "subject">> & { readonly subject?: Partial<Subject> };

function fields({ subject, ...overrides }: Overrides = {}): ClientCertificateFields {
  return {
    subject: buildSubject({ commonName: "system:node:a", ...subject }),
    uids: [],
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date("2026-01-03T00:00:00Z"),
    extendedKeyUsages: ["clientAuth"],
    ...overrides,
  };
}

const DER = Buffer.from("some DER");
const CREDENTIAL_ID = `X509SHA256=${createHash("sha256").update(DER).digest("hex")}`;

const identify = (overrides: Overrides) =>
  createCertificateAuthenticator({ readCertificate: () => fields(overrides), clock: new SettableClock() })(DER);

test.each<{ name: string; overrides: Overrides; user: object }>([
  {
    name: "CN and O",
    overrides: {},
    user: { username: "system:node:a", uid: "", groups: ["system:nodes", "system:authenticated"] },
  },
  { name: "a uid", overrides: { uids: ["42"] }, user: { username: "system:node:a", uid: "42" } },
  { name: "no O", overrides: { subject: { organization: [] } }, user: { groups: ["system:authenticated"] } },
  {
    name: "several O, order and repetition kept",
    overrides: { subject: { organization: ["b", "a", "b"] } },
    user: { groups: ["b", "a", "b", "system:authenticated"] },
  },
  {
    name: "O that says authenticated already",
    overrides: { subject: { organization: ["system:authenticated", "x"] } },
    user: { groups: ["system:authenticated", "x"] },
  },
  {
    name: "O that says unauthenticated",
    overrides: { subject: { organization: ["system:unauthenticated"] } },
    user: { groups: ["system:unauthenticated"] },
  },
  {
    name: "the anonymous user's name",
    overrides: { subject: { commonName: "system:anonymous", organization: [] } },
    user: { username: "system:anonymous", groups: [] },
  },
  { name: "any extended key usage", overrides: { extendedKeyUsages: ["any"] }, user: { username: "system:node:a" } },
  { name: "client and server usage", overrides: { extendedKeyUsages: ["serverAuth", "clientAuth"] }, user: {} },
])("a certificate with $name names a user", ({ overrides, user }) => {
  const extra = { "authentication.kubernetes.io/credential-id": [CREDENTIAL_ID] };
  expect(identify(overrides)).toMatchObject({ kind: "user", user: { extra, ...user } });
});

test.each<{ name: string; overrides: Overrides; reason: string }>([
  {
    name: "only serverAuth",
    overrides: { extendedKeyUsages: ["serverAuth"] },
    reason: "the client certificate is not for client authentication",
  },
  {
    name: "no extended key usage",
    overrides: { extendedKeyUsages: [] },
    reason: "the client certificate is not for client authentication",
  },
  { name: "two uids", overrides: { uids: ["1", "2"] }, reason: "the client certificate has more than one uid" },
  { name: "an empty uid", overrides: { uids: [""] }, reason: "the client certificate's uid is empty" },
])("a certificate with $name is refused", ({ overrides, reason }) => {
  expect(identify(overrides)).toMatchObject({ kind: "refused", reason });
});

test("a certificate without CN names nobody", () => {
  expect(identify({ subject: { commonName: "" } })).toMatchObject({ kind: "nobody" });
});

test("a certificate that cannot be read is refused", () => {
  const broken = () => {
    throw new Error("no DER");
  };
  const identity = createCertificateAuthenticator({ readCertificate: broken, clock: new SettableClock() })(DER);
  expect(identity).toMatchObject({ kind: "refused", reason: "the client certificate cannot be read: no DER" });
});

test.each([
  { now: "2025-12-31T23:59:59.999Z", kind: "refused" },
  { now: "2026-01-01T00:00:00.000Z", kind: "user" },
  { now: "2026-01-03T00:00:00.000Z", kind: "user" },
  { now: "2026-01-03T00:00:00.001Z", kind: "refused" },
])("at $now it is $kind, also when remembered from another time", ({ now, kind }) => {
  const clock = new SettableClock("2026-01-02T00:00:00Z");
  const authenticate = createCertificateAuthenticator({ readCertificate: () => fields(), clock });
  expect(authenticate(DER).kind).toBe("user");
  clock.set(now);
  expect(authenticate(DER).kind).toBe(kind);
});

test("a certificate is read once, another one by itself", () => {
  const read: string[] = [];
  const readCertificate = (der: Uint8Array) => {
    read.push(Buffer.from(der).toString());
    return fields({ subject: { commonName: Buffer.from(der).toString() } });
  };
  const authenticate = createCertificateAuthenticator({ readCertificate, clock: new SettableClock() });
  const names = ["one", "two", "one"].map((text) => {
    const identity = authenticate(Buffer.from(text));
    return identity.kind === "user" ? identity.user.username : identity.kind;
  });
  expect(names).toEqual(["one", "two", "one"]);
  expect(read).toEqual(["one", "two"]);
});

test("a revoked certificate is refused from the next request on, also when it is remembered", () => {
  const revoked = new Set<string>();
  const isRevoked = (fingerprint: string) => revoked.has(fingerprint);
  const clock = new SettableClock();
  const authenticate = createCertificateAuthenticator({ readCertificate: () => fields(), clock, isRevoked });
  expect(authenticate(DER).kind).toBe("user");
  revoked.add(createHash("sha256").update(DER).digest("hex"));
  expect(authenticate(DER)).toEqual({ kind: "refused", reason: "the client certificate was revoked" });
  expect(authenticate(Buffer.from("another")).kind).toBe("user");
});

describe("when not everybody whom TLS lets through is a user", () => {
  const anchorsFor = (answer: boolean) => ({ publicKeys: [], sharesKeyWith: () => false, issued: () => answer });

  test("who is from another CA is foreign, until the CAs of users change", () => {
    let anchors: ReturnType<typeof anchorsFor> | undefined = anchorsFor(false);
    const read = createCertificateAuthenticator({
      readCertificate: () => fields(),
      clock: new SettableClock(new Date("2026-01-02T00:00:00Z")),
      anchors: () => anchors,
    });
    expect([read(DER).kind, read(DER).kind]).toEqual(["foreign", "foreign"]);
    anchors = anchorsFor(true);
    expect(read(DER).kind).toBe("user");
    anchors = anchorsFor(false);
    expect(read(DER).kind).toBe("foreign");
    anchors = undefined;
    expect(read(DER).kind).toBe("user");
  });

  test("the chain is followed once for a certificate while the CAs stay", () => {
    const asked: Uint8Array[] = [];
    const anchors = { ...anchorsFor(true), issued: (der: Uint8Array) => asked.push(der) > 0 };
    const clock = new SettableClock(new Date("2026-01-02T00:00:00Z"));
    const read = createCertificateAuthenticator({ readCertificate: () => fields(), clock, anchors: () => anchors });
    for (let request = 0; request < 3; request += 1) expect(read(DER).kind).toBe("user");
    expect(asked).toHaveLength(1);
  });
});
