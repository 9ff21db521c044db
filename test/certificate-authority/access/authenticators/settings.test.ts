import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import {
  authenticationSchema,
  resolveAuthenticationPaths,
} from "../../../../services/certificate-authority/access/authenticators/settings.ts";

const ISSUER = { url: "https://login.example.com", audiences: ["gatehouse"] };
const MAPPINGS = { username: { claim: "sub", prefix: "" } };
const jwt = (more: object = {}, issuer: object = {}) => ({
  jwt: { issuer: { ...ISSUER, ...issuer }, claimMappings: MAPPINGS, ...more },
});
const mapped = (more: object) => jwt({ claimMappings: { ...MAPPINGS, ...more } });
const account = (more: object = {}) => ({
  serviceAccount: { issuer: "kubernetes", audiences: ["gatehouse"], keyFiles: ["sa.pub"], ...more },
});
const review = (more: object) => ({ tokenReview: more });
const proxy = (more: object = {}) => ({ frontProxy: { certificateAuthorityFile: "ca", allowedNames: ["p"], ...more } });

test("with nothing configured certificates come first, then bootstrap tokens", () => {
  expect(authenticationSchema.parse(undefined)).toEqual([{ clientCertificate: {} }, { bootstrapToken: {} }]);
});

test("defaults are filled in", () => {
  expect(authenticationSchema.parse([review({ url: "https://r/" }), proxy(), jwt()])).toEqual([
    {
      tokenReview: {
        url: "https://r/",
        audiences: [],
        timeoutSeconds: 10,
        cacheSuccessSeconds: 60,
        cacheFailureSeconds: 10,
      },
    },
    {
      frontProxy: {
        certificateAuthorityFile: "ca",
        allowedNames: ["p"],
        usernameHeaders: ["X-Remote-User"],
        uidHeaders: ["X-Remote-Uid"],
        groupHeaders: ["X-Remote-Group"],
        extraHeaderPrefixes: ["X-Remote-Extra-"],
      },
    },
    {
      jwt: {
        issuer: ISSUER,
        claimMappings: { ...MAPPINGS, extra: [] },
        claimValidationRules: [],
        userValidationRules: [],
      },
    },
  ]);
});

test.each<{ name: string; list: readonly unknown[]; path: string; says: string }>([
  { name: "no authenticators", list: [], path: "", says: ">=1" },
  { name: "an unknown one", list: [{ basic: {} }], path: "0", says: "basic" },
  { name: "an empty entry", list: [{}], path: "0", says: "must name exactly one" },
  {
    name: "two in one entry",
    list: [{ clientCertificate: {}, bootstrapToken: {} }],
    path: "0",
    says: "must name exactly one",
  },
  {
    name: "certificates twice",
    list: [{ clientCertificate: {} }, { clientCertificate: {} }],
    path: "1",
    says: "clientCertificate occurs twice",
  },
  {
    name: "front proxies twice",
    list: [proxy(), proxy({ allowedNames: ["q"] })],
    path: "1",
    says: "frontProxy occurs twice",
  },
  {
    name: "an issuer twice",
    list: [jwt(), jwt({}, { audiences: ["b"] })],
    path: "1",
    says: "https://login.example.com occurs twice",
  },
  { name: "an issuer as both kinds", list: [jwt(), account({ issuer: ISSUER.url })], path: "1", says: "occurs twice" },
  {
    name: "an issuer over http",
    list: [jwt({}, { url: "http://login.example.com" })],
    path: "0.jwt.issuer.url",
    says: "must be an https URL",
  },
  {
    name: "an issuer with a query",
    list: [jwt({}, { url: "https://l/?a" })],
    path: "0.jwt.issuer.url",
    says: "must be an https URL",
  },
  {
    name: "an issuer with a user",
    list: [jwt({}, { url: "https://u@l/" })],
    path: "0.jwt.issuer.url",
    says: "must be an https URL",
  },
  {
    name: "the issuer as its own discovery",
    list: [jwt({}, { discoveryURL: ISSUER.url })],
    path: "0.jwt.issuer.discoveryURL",
    says: "left out",
  },
  { name: "no audience", list: [jwt({}, { audiences: [] })], path: "0.jwt.issuer.audiences", says: ">=1" },
  {
    name: "two audiences without a policy",
    list: [jwt({}, { audiences: ["a", "b"] })],
    path: "0.jwt.issuer.audienceMatchPolicy",
    says: "must be MatchAny",
  },
  {
    name: "an audience twice",
    list: [jwt({}, { audiences: ["a", "a"], audienceMatchPolicy: "MatchAny" })],
    path: "0.jwt.issuer.audiences",
    says: "twice",
  },
  {
    name: "a policy that is none",
    list: [jwt({}, { audienceMatchPolicy: "MatchAll" })],
    path: "0.jwt.issuer.audienceMatchPolicy",
    says: "MatchAny",
  },
  {
    name: "a file in place of PEM",
    list: [jwt({}, { certificateAuthority: "/ca.crt" })],
    path: "0.jwt.issuer.certificateAuthority",
    says: "not the name of a file",
  },
  {
    name: "an egress selector",
    list: [jwt({}, { egressSelectorType: "cluster" })],
    path: "0.jwt.issuer.egressSelectorType",
    says: "not supported",
  },
  {
    name: "an expression that cannot be read",
    list: [mapped({ username: { expression: "claims.sub +" } })],
    path: "0.jwt.claimMappings.username.expression",
    says: "is no usable CEL expression: Unexpected token: EOF (at character 13)",
  },
  {
    name: "an expression about somebody else",
    list: [mapped({ username: { expression: "user.username" } })],
    path: "0.jwt.claimMappings.username.expression",
    says: "Unknown variable: user (at character 1)",
  },
  {
    name: "groups that are a number",
    list: [mapped({ groups: { expression: "1" } })],
    path: "0.jwt.claimMappings.groups.expression",
    says: "it answers int, and must answer string or list<string>",
  },
  {
    name: "a uid that is a list",
    list: [mapped({ uid: { expression: "['a']" } })],
    path: "0.jwt.claimMappings.uid.expression",
    says: "it answers list<string>, and must answer string",
  },
  {
    name: "an extra that is true",
    list: [mapped({ extra: [{ key: "a.b/c", valueExpression: "true" }] })],
    path: "0.jwt.claimMappings.extra.0.valueExpression",
    says: "it answers bool",
  },
  {
    name: "a rule that is no question",
    list: [jwt({ claimValidationRules: [{ expression: "'a'" }] })],
    path: "0.jwt.claimValidationRules.0.expression",
    says: "it answers string, and must answer bool",
  },
  {
    name: "a rule for users about claims",
    list: [jwt({ userValidationRules: [{ expression: "claims.a == 1" }] })],
    path: "0.jwt.userValidationRules.0.expression",
    says: "Unknown variable: claims",
  },
  {
    name: "a rule for users about what they do not have",
    list: [jwt({ userValidationRules: [{ expression: "user.name == 'a'" }] })],
    path: "0.jwt.userValidationRules.0.expression",
    says: "No such key: name",
  },
  {
    name: "a claim and an expression for a name",
    list: [mapped({ username: { claim: "a", prefix: "", expression: "claims.a" } })],
    path: "0.jwt.claimMappings.username",
    says: "must have either claim or expression",
  },
  {
    name: "neither",
    list: [mapped({ username: {} })],
    path: "0.jwt.claimMappings.username",
    says: "must have either claim or expression",
  },
  {
    name: "a prefix for an expression",
    list: [mapped({ groups: { expression: "claims.a", prefix: "x" } })],
    path: "0.jwt.claimMappings.groups.prefix",
    says: "must be left out with expression",
  },
  {
    name: "a claim and an expression for a uid",
    list: [mapped({ uid: { claim: "a", expression: "claims.a" } })],
    path: "0.jwt.claimMappings.uid",
    says: "must have either claim or expression",
  },
  {
    name: "a claim and an expression for an extra",
    list: [mapped({ extra: [{ key: "a.b/c", claim: "a", valueExpression: "claims.a" }] })],
    path: "0.jwt.claimMappings.extra.0",
    says: "must have either claim or valueExpression",
  },
  {
    name: "a rule of both kinds",
    list: [jwt({ claimValidationRules: [{ claim: "a", requiredValue: "", expression: "true" }] })],
    path: "0.jwt.claimValidationRules.0",
    says: "must have either claim or expression",
  },
  {
    name: "a claim rule without a value",
    list: [jwt({ claimValidationRules: [{ claim: "a" }] })],
    path: "0.jwt.claimValidationRules.0.requiredValue",
    says: "must be given with claim",
  },
  {
    name: "a message beside a claim",
    list: [jwt({ claimValidationRules: [{ claim: "a", requiredValue: "", message: "m" }] })],
    path: "0.jwt.claimValidationRules.0.message",
    says: "must be left out with claim",
  },
  {
    name: "a rule twice",
    list: [jwt({ claimValidationRules: [{ expression: "true" }, { expression: "true" }] })],
    path: "0.jwt.claimValidationRules",
    says: "must not hold an expression twice",
  },
  {
    name: "a rule for users twice",
    list: [jwt({ userValidationRules: [{ expression: "true" }, { expression: "true" }] })],
    path: "0.jwt.userValidationRules",
    says: "must not hold an expression twice",
  },
  {
    name: "an address that nobody verifies",
    list: [mapped({ username: { expression: "claims.email" } })],
    path: "0.jwt.claimMappings.username.expression",
    says: "claims.email_verified must be named too",
  },
  {
    name: "a username without a prefix",
    list: [mapped({ username: { claim: "sub" } })],
    path: "0.jwt.claimMappings.username.prefix",
    says: "must be given with claim",
  },
  {
    name: "an extra of Kubernetes",
    list: [mapped({ extra: [{ key: "authentication.kubernetes.io/node-name", claim: "n" }] })],
    path: "0.jwt.claimMappings.extra.0.key",
    says: "reserved",
  },
  {
    name: "an extra of ours",
    list: [mapped({ extra: [{ key: "gatehouse.dev/bound-node-name", claim: "n" }] })],
    path: "0.jwt.claimMappings.extra.0.key",
    says: "reserved",
  },
  {
    name: "an extra without a domain",
    list: [mapped({ extra: [{ key: "team", claim: "n" }] })],
    path: "0.jwt.claimMappings.extra.0.key",
    says: "domain",
  },
  {
    name: "an extra twice",
    list: [
      mapped({
        extra: [
          { key: "a.b/c", claim: "n" },
          { key: "a.b/c", claim: "m" },
        ],
      }),
    ],
    path: "0.jwt.claimMappings.extra",
    says: "twice",
  },
  {
    name: "accounts without keys",
    list: [account({ keyFiles: undefined })],
    path: "0.serviceAccount",
    says: "either keyFiles or jwksFile",
  },
  {
    name: "accounts with both kinds of keys",
    list: [account({ jwksFile: "j" })],
    path: "0.serviceAccount",
    says: "either keyFiles or jwksFile",
  },
  {
    name: "accounts without audience",
    list: [account({ audiences: [] })],
    path: "0.serviceAccount.audiences",
    says: ">=1",
  },
  { name: "a review nowhere", list: [review({})], path: "0.tokenReview", says: "either kubeconfig or url" },
  {
    name: "a review at two places",
    list: [review({ kubeconfig: "k", url: "https://r/" })],
    path: "0.tokenReview",
    says: "either kubeconfig or url",
  },
  { name: "a review over http", list: [review({ url: "http://r/" })], path: "0.tokenReview.url", says: "https" },
  {
    name: "a kubeconfig and a CA",
    list: [review({ kubeconfig: "k", certificateAuthorityFile: "c" })],
    path: "0.tokenReview",
    says: "go with url",
  },
  {
    name: "half a credential",
    list: [review({ url: "https://r/", credentials: { clientKeyFile: "k" } })],
    path: "0.tokenReview.credentials",
    says: "must have either",
  },
  {
    name: "two credentials",
    list: [
      review({ url: "https://r/", credentials: { tokenFile: "t", clientKeyFile: "k", clientCertificateFile: "c" } }),
    ],
    path: "0.tokenReview.credentials",
    says: "must have either",
  },
  {
    name: "an endless wait",
    list: [review({ url: "https://r/", timeoutSeconds: 31 })],
    path: "0.tokenReview.timeoutSeconds",
    says: "<=30",
  },
  { name: "proxies of any name", list: [proxy({ allowedNames: [] })], path: "0.frontProxy.allowedNames", says: ">=1" },
  {
    name: "a header that is none",
    list: [proxy({ usernameHeaders: ["X User"] })],
    path: "0.frontProxy.usernameHeaders.0",
    says: "name of a header",
  },
])("$name: refused by name", ({ list, path, says }) => {
  const { error } = authenticationSchema.safeParse(list);
  const problems = error?.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`) ?? [];
  expect(problems.filter((problem) => problem.startsWith(`${path}:`)).join()).toContain(says);
});

test("every path is made absolute, and nothing else is changed", () => {
  const list = authenticationSchema.parse([
    { clientCertificate: {} },
    { tokenFile: { file: "t" } },
    jwt(),
    jwt({ jwksFile: "j" }, { url: "https://two.example.com" }),
    account(),
    account({ issuer: "two", keyFiles: undefined, jwksFile: "j" }),
    review({ kubeconfig: "k" }),
    review({ url: "https://r/", certificateAuthorityFile: "c", credentials: { tokenFile: "t" } }),
    review({ url: "https://s/", credentials: { clientCertificateFile: "c", clientKeyFile: "k" } }),
    proxy(),
  ]);
  const resolved = resolveAuthenticationPaths(list, (path) => `/etc/${path}`);
  expect(resolved).toMatchObject([
    { clientCertificate: {} },
    { tokenFile: { file: "/etc/t" } },
    { jwt: { issuer: ISSUER } },
    { jwt: { jwksFile: "/etc/j" } },
    { serviceAccount: { keyFiles: ["/etc/sa.pub"] } },
    { serviceAccount: { jwksFile: "/etc/j" } },
    { tokenReview: { kubeconfig: "/etc/k" } },
    { tokenReview: { certificateAuthorityFile: "/etc/c", credentials: { tokenFile: "/etc/t" } } },
    { tokenReview: { credentials: { clientCertificateFile: "/etc/c", clientKeyFile: "/etc/k" } } },
    { frontProxy: { certificateAuthorityFile: "/etc/ca", allowedNames: ["p"] } },
  ]);
  expect(resolveAuthenticationPaths(list, (path) => path)).toEqual(list);
});

test.each([
  {
    name: "in the expression itself",
    settings: mapped({ username: { expression: "claims.email_verified ? claims.email : ''" } }),
  },
  {
    name: "by selecting it if it is there",
    settings: mapped({ username: { expression: "claims.?email_verified.orValue(true) ? claims.email : ''" } }),
  },
  {
    name: "in an extra",
    settings: mapped({
      username: { expression: "claims.email" },
      extra: [{ key: "a.b/c", valueExpression: "string(claims.email_verified)" }],
    }),
  },
  {
    name: "in a rule",
    settings: jwt({
      claimMappings: { username: { expression: "claims['email']" } },
      claimValidationRules: [{ expression: "claims.email_verified == true" }],
    }),
  },
])("whether an address is verified may be asked $name", ({ settings }) => {
  expect(authenticationSchema.parse([settings])).toHaveLength(1);
});

test("the issuer of the example, and the expressions it offers instead, are valid", () => {
  const text = readFileSync(join(import.meta.dirname, "../../../../config/examples/gatehouse.yaml"), "utf8");
  const [, commented = ""] = /^( {2}# - jwt:.*?)^ {2}# - serviceAccount/ms.exec(text) ?? [];
  const example = commented.replace(/^ {2}# /gm, "").replace(/^ *certificateAuthority:.*\n(.*CERT.*\n)+/m, "");
  const inPlace = example
    .replace(/\{ claim[^}]*\} +# or (\{.*\})/g, "$1")
    .replace(/claim: team \}\] +# or (.*)/, "$1 }]");
  expect(inPlace.match(/expression: /gi)).toHaveLength(6);
  for (const list of [example, inPlace]) expect(authenticationSchema.parse(parse(list))).toHaveLength(1);
});
