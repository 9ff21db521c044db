import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type Requester,
  readSpiffeId,
  spiffeViolations,
} from "../../../services/certificate-authority/domain/spiffe.ts";
import { bundleSequence } from "../../../services/certificate-authority/domain/spiffe-bundle.ts";
import { issuerRecord } from "../../builders/records.ts";

const BOTH = ["digital signature", "client auth", "server auth"];
const RULES = {
  trustDomain: "example.org",
  paths: ["/public/*"],
  requesters: [
    { user: "alice", paths: ["/team/alice/**"] },
    { group: "system:nodes", paths: ["/node/*"] },
  ],
};
const ALICE: Requester = { username: "alice", groups: ["system:nodes", "staff"] };

function judge(uris: readonly string[], usages = BOTH, requester = ALICE): readonly string[] {
  return spiffeViolations(RULES, { uris }, usages, requester);
}

test.each([
  "spiffe://example.org/public/web",
  "spiffe://example.org/team/alice/a/b/c",
  "spiffe://example.org/node/Worker-1.example_2",
])("conforms: %s", (id) => {
  expect(judge([id])).toEqual([]);
});

test.each<{ name: string; uris: string[]; usages?: string[]; requester?: Requester; says: string }>([
  { name: "no URI", uris: [], says: "exactly one SPIFFE ID, not 0 URIs" },
  {
    name: "two URIs",
    uris: ["spiffe://example.org/public/a", "https://x/"],
    says: "exactly one SPIFFE ID, not 2 URIs",
  },
  { name: "another scheme", uris: ["https://example.org/public/a"], says: "does not begin with spiffe://" },
  { name: "a scheme in capitals", uris: ["SPIFFE://example.org/public/a"], says: "does not begin with spiffe://" },
  { name: "no path", uris: ["spiffe://example.org"], says: "has no path" },
  { name: "an empty path", uris: ["spiffe://example.org/"], says: "an empty path segment" },
  { name: "a slash at the end", uris: ["spiffe://example.org/public/a/"], says: "an empty path segment" },
  { name: "two slashes", uris: ["spiffe://example.org//public/a"], says: "an empty path segment" },
  { name: "dots", uris: ["spiffe://example.org/public/../node/x"], says: "a path segment of dots" },
  { name: "an escape", uris: ["spiffe://example.org/public/%61"], says: "a path of other characters" },
  { name: "a query", uris: ["spiffe://example.org/public/a?b"], says: "a path of other characters" },
  { name: "a port", uris: ["spiffe://example.org:1/public/a"], says: "a trust domain of other characters" },
  { name: "a user", uris: ["spiffe://me@example.org/public/a"], says: "a trust domain of other characters" },
  {
    name: "a trust domain in capitals",
    uris: ["spiffe://Example.org/public/a"],
    says: "a trust domain of other characters",
  },
  { name: "no trust domain", uris: ["spiffe:///public/a"], says: "a trust domain of other characters" },
  {
    name: "too long a trust domain",
    uris: [`spiffe://${"a".repeat(256)}/b`],
    says: "a trust domain of other characters",
  },
  {
    name: "too long an ID",
    uris: [`spiffe://example.org/public/${"a".repeat(2048)}`],
    says: "more than 2048 characters",
  },
  {
    name: "another trust domain",
    uris: ["spiffe://example.com/public/a"],
    says: "not in the trust domain example.org",
  },
  {
    name: "another's path",
    uris: ["spiffe://example.org/team/bob/x"],
    says: "the path is not allowed for this requester",
  },
  {
    name: "a path too deep",
    uris: ["spiffe://example.org/public/a/b"],
    says: 'allowed are: "/public/*", "/team/alice/**", "/node/*"',
  },
  {
    name: "somebody else",
    uris: ["spiffe://example.org/node/x"],
    requester: { username: "bob", groups: ["alice"] },
    says: 'allowed are: "/public/*"',
  },
  { name: "nobody", uris: ["spiffe://example.org/node/x"], requester: {}, says: "the path is not allowed" },
  {
    name: "no signature",
    uris: ["spiffe://example.org/public/a"],
    usages: ["client auth", "server auth"],
    says: '"digital signature" is required',
  },
  {
    name: "one purpose",
    uris: ["spiffe://example.org/public/a"],
    usages: ["signing", "client auth"],
    says: "go together",
  },
])("violates: $name", ({ uris, usages, requester, says }) => {
  expect(judge(uris, usages, requester)).toEqual([expect.stringContaining(says)]);
});

const segment = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter((text) => text !== "." && text !== "..");
const domain = fc.stringMatching(/^[a-z0-9._-]{1,40}$/);

test("every ID of the grammar is read as its parts", () => {
  fc.assert(
    fc.property(domain, fc.array(segment, { minLength: 1, maxLength: 8 }), (trustDomain, segments) => {
      const path = `/${segments.join("/")}`;
      expect(readSpiffeId(`spiffe://${trustDomain}${path}`)).toEqual({ trustDomain, path });
    }),
  );
});

test("whatever is read is what a URL parser understands as well, to the letter", () => {
  const pieces = fc.array(fc.constantFrom("a", "B", "/", ".", "..", "%2e", "@", ":", "?", "#", "\\", " ", "é", "-"), {
    maxLength: 10,
  });
  fc.assert(
    fc.property(fc.constantFrom("a", "ex.org", ""), pieces, (host, rest) => {
      const id = `spiffe://${host}${rest.join("")}`;
      const read = readSpiffeId(id);
      if (typeof read === "string") return;
      const url = new URL(id);
      expect([url.host, url.pathname, url.search, url.hash, url.username]).toEqual([
        read.trustDomain,
        read.path,
        "",
        "",
        "",
      ]);
    }),
    { numRuns: 2000 },
  );
});

test("the sequence of a bundle grows when a CA comes and when one ends", () => {
  const at = (day: number) => new Date(Date.UTC(2026, 0, day));
  const first = issuerRecord({ createdAt: at(1), notAfter: at(10) });
  const second = issuerRecord({ createdAt: at(5), notAfter: at(20) });
  const sequences = [
    bundleSequence([first], at(2)),
    bundleSequence([first, second], at(6)),
    bundleSequence([first, second], at(11)),
  ];
  expect(sequences).toEqual([at(1), at(5), at(10)].map((instant) => instant.getTime() / 1000));
  expect(bundleSequence([], at(1))).toBe(0);
});
