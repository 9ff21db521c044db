import { describe, expect, test } from "@jest/globals";
import { nameViolation, subjectViolation } from "../../../services/certificate-authority/domain/name-constraints.ts";
import {
  isEmptySubtrees,
  type NameSubtrees,
  NO_SUBTREES,
} from "../../../services/certificate-authority/domain/name-subtrees.ts";
import { buildSans, buildSubject } from "../../builders/subject.ts";

type Sans = Parameters<typeof buildSans>[0];

function imposed(permitted: Partial<NameSubtrees>, excluded: Partial<NameSubtrees> = {}, issuer = "root") {
  const constraints = { permitted: { ...NO_SUBTREES, ...permitted }, excluded: { ...NO_SUBTREES, ...excluded } };
  return [{ issuer, constraints }];
}

function judge(sans: Sans, constraints: ReturnType<typeof imposed>, commonName = "jane"): string | undefined {
  return nameViolation({ subject: buildSubject({ commonName, organization: [] }), sans: buildSans(sans) }, constraints);
}

describe.each([
  {
    form: "DNS names",
    permitted: "example.com",
    list: "dnsNames",
    names: "dnsNames",
    good: ["example.com", "a.example.com", "A.EXAMPLE.COM", "*.example.com"],
    bad: ["example.org", "xexample.com", "com", "example.com.", "*.com", ""],
  },
  {
    form: "DNS names below",
    permitted: ".example.com",
    list: "dnsNames",
    names: "dnsNames",
    good: ["a.example.com", "b.a.example.com"],
    bad: ["example.com", "aexample.com"],
  },
  {
    form: "mailboxes of a host",
    permitted: "example.com",
    list: "emailAddresses",
    names: "emailAddresses",
    good: ["a@example.com", "B@EXAMPLE.com"],
    bad: ["a@b.example.com", "a@example.org", "a", "a@", "a@example.com@example.org"],
  },
  {
    form: "mailboxes below a host",
    permitted: ".example.com",
    list: "emailAddresses",
    names: "emailAddresses",
    good: ["a@b.example.com"],
    bad: ["a@example.com", "a@.example.com"],
  },
  {
    form: "one mailbox",
    permitted: "root@example.com",
    list: "emailAddresses",
    names: "emailAddresses",
    good: ["root@EXAMPLE.com"],
    bad: ["Root@example.com", "a@example.com"],
  },
  {
    form: "IPv4 addresses",
    permitted: "10.0.0.0/9",
    list: "ipRanges",
    names: "ipAddresses",
    good: ["10.0.0.0", "10.127.255.255"],
    bad: ["10.128.0.0", "11.0.0.0", "fd00::1", "::a00:1"],
  },
  {
    form: "IPv6 addresses",
    permitted: "fd00:1::/33",
    list: "ipRanges",
    names: "ipAddresses",
    good: ["fd00:1::1", "fd00:1:7fff::"],
    bad: ["fd00:1:8000::", "fd00:2::", "10.0.0.1"],
  },
  {
    form: "hosts of URIs",
    permitted: "example.com",
    list: "uriHosts",
    names: "uris",
    good: ["https://example.com", "https://EXAMPLE.com:8443/a", "spiffe://example.com/ns/a"],
    bad: [
      "https://a.example.com",
      "https://example.com.evil.org/",
      "https://example.com@evil.org/",
      "https://evil.org/https://example.com",
      "urn:example.com",
      "https:///example.com",
      "https://10.0.0.1/",
      "https://[::1]/",
      // OpenSSL takes the host to reach to the colon.
      "spiffe://example.com/ns:a",
    ],
  },
  {
    form: "hosts of URIs below",
    permitted: ".example.com",
    list: "uriHosts",
    names: "uris",
    good: ["https://a.example.com/"],
    bad: ["https://example.com/", "https://a.example.com.evil.org/"],
  },
] as const)("permitted $form", ({ permitted, list, names, good, bad }) => {
  const constraints = imposed({ [list]: [permitted] });

  test.each(good)("%s", (name) => {
    expect(judge({ [names]: [name] }, constraints)).toBeUndefined();
  });

  test.each(bad)("not %s", (name) => {
    const violation = judge({ [names]: [...good.slice(0, 1), name] }, constraints);
    expect(violation).toContain(`${JSON.stringify(name)} `);
    expect(violation).toMatch(/of the issuer "root"$/);
  });
});

test.each([
  { names: { dnsNames: ["a.secret.example.com"] }, excluded: { dnsNames: ["secret.example.com"] } },
  { names: { dnsNames: ["secret.example.com."] }, excluded: { dnsNames: ["secret.example.com"] } },
  // A wildcard may stand for the excluded host.
  { names: { dnsNames: ["*.example.com"] }, excluded: { dnsNames: ["secret.example.com"] } },
  { names: { dnsNames: ["s*.example.com"] }, excluded: { dnsNames: ["secret.example.com"] } },
  { names: { dnsNames: ["anything"] }, excluded: { dnsNames: [""] } },
  { names: { emailAddresses: ["ROOT@example.com"] }, excluded: { emailAddresses: ["root@example.com"] } },
  { names: { emailAddresses: ["a@b"] }, excluded: { emailAddresses: [""] } },
  { names: { ipAddresses: ["10.1.2.3"] }, excluded: { ipRanges: ["10.0.0.0/8"] } },
  { names: { ipAddresses: ["2001:db8::1"] }, excluded: { ipRanges: ["::/0"] } },
  { names: { uris: ["https://user@secret.example.com/"] }, excluded: { uriHosts: [".example.com"] } },
  { names: { uris: ["https://secret.example.com./"] }, excluded: { uriHosts: ["secret.example.com"] } },
  { names: { uris: ["https://10.0.0.1/"] }, excluded: { uriHosts: ["example.com"] } },
])("excluded: $names by $excluded", ({ names, excluded }) => {
  expect(judge(names as Sans, imposed({}, excluded))).toMatch(/is excluded by|cannot be judged/);
});

test("what no constraint of its form speaks about is free", () => {
  const names = { dnsNames: ["anything"], uris: ["urn:x"], emailAddresses: ["nobody"] };
  expect(judge(names, imposed({ ipRanges: ["10.0.0.0/8"] }, { ipRanges: ["10.0.0.0/16"] }))).toBeUndefined();
  expect(judge(names, [])).toBeUndefined();
});

test("exclusion wins over permission, and every CA above counts", () => {
  const both = imposed({ dnsNames: ["example.com"] }, { dnsNames: ["secret.example.com"] });
  expect(judge({ dnsNames: ["a.example.com"] }, both)).toBeUndefined();
  expect(judge({ dnsNames: ["secret.example.com"] }, both)).toContain("is excluded");
  const narrow = imposed({ dnsNames: ["a.example.com"] }, {}, "intermediate");
  expect(judge({ dnsNames: ["b.example.com"] }, [...narrow, ...both])).toMatch(/of the issuer "intermediate"$/);
  expect(judge({ dnsNames: ["secret.example.com"] }, [...both, ...narrow])).toMatch(/of the issuer "root"$/);
});

test.each([
  { commonName: "host.example.org", isHost: true },
  { commonName: "under_score.example.org", isHost: true },
  { commonName: "localhost", isHost: false },
  { commonName: "system:node:a.example.org", isHost: false },
  { commonName: "a..example.org", isHost: false },
  { commonName: "-a.example.org", isHost: false },
])(
  "a common name is judged as a host when it could be one and nothing else is named: $commonName",
  ({ commonName, isHost }) => {
    const constraints = imposed({ dnsNames: ["example.com"] });
    expect(judge({}, constraints, commonName) === undefined).toBe(!isHost);
    expect(judge({ dnsNames: ["example.com"] }, constraints, commonName)).toBeUndefined();
  },
);

describe("subjects", () => {
  const nodes = [[{ type: "2.5.4.10", value: "system:nodes" }]];
  const constraints = imposed({ directoryNames: [nodes] });
  const subject = (organization: readonly string[], commonName = "jane") => {
    const names = { subject: buildSubject({ organization, commonName }), sans: buildSans() };
    return nameViolation(names, constraints);
  };

  test("begin as permitted, whatever the case and the spaces", () => {
    expect(subject(["system:nodes"])).toBeUndefined();
    expect(subject([" System:NODES "])).toBeUndefined();
    expect(subject(["system:masters"])).toBe(
      'the subject "O=system:masters, CN=jane" is outside the permitted "O=system:nodes" of the issuer "root"',
    );
    expect(subject(["system:nodes", "system:masters"])).toContain("is outside");
    expect(subject([])).toContain("is outside");
  });

  test("are not judged when empty", () => {
    expect(subject([], "")).toBeUndefined();
  });

  test("of CAs are judged as well", () => {
    const name = [...nodes, [{ type: "2.5.4.3", value: "intermediate" }]];
    expect(subjectViolation(name, constraints)).toBeUndefined();
    expect(subjectViolation(name, imposed({}, { directoryNames: [nodes] }))).toContain("is excluded");
  });
});

test("subtrees that say nothing are empty", () => {
  expect(isEmptySubtrees(NO_SUBTREES)).toBe(true);
  expect(isEmptySubtrees({ ...NO_SUBTREES, ipRanges: ["::/0"] })).toBe(false);
});
