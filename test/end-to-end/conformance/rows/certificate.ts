import { buildIssuer } from "../../../builders/issuer.ts";
import { APPROVED, condition, csr, JANE, withConditions } from "../csr-body.ts";
import { get, post, put, type Row } from "../row.ts";

const { certificatePem: GOOD, certificateDer } = buildIssuer();
const OTHER = buildIssuer("ecdsa-p384").certificatePem;
const [begin = "", ...rest] = GOOD.trimEnd().split("\n");
const end = rest.pop() ?? "";
const block = (...lines: readonly string[]): string => [begin, ...lines, end, ""].join("\n");
const wrap = (bytes: Uint8Array): string => block(Buffer.from(bytes).toString("base64"));

const status = (certificate: string | Uint8Array) =>
  csr({ status: { certificate: Buffer.from(certificate).toString("base64") } });

function set(name: string, certificate: string | Uint8Array): Row {
  return { name: `certificate: ${name}`, given: [post(csr())], asked: [put("/status", status(certificate)), get()] };
}

const FORMS: readonly Row[] = [
  set("one", GOOD),
  set("two", GOOD + OTHER),
  set("text around and between", `before\n${GOOD}between\n${OTHER}after`),
  set("empty", ""),
  set("blanks", " \n"),
  set("text", "hello"),
  set("DER", certificateDer),
  set("another label", GOOD.replaceAll("CERTIFICATE", "X509 CERTIFICATE")),
  set("a request", JANE.pem),
  set("a good one and another label", GOOD + JANE.pem),
  set("a header", block("Comment: x", "", ...rest)),
  set("a header without an empty line", block("Comment: x", ...rest)),
  set("an empty block", block()),
  set("a block of no certificate", block("AAAA")),
  set("a good one and a block of none", GOOD + block("AAAA")),
  set("broken base64", block("!!!!")),
  set("broken base64 beside a good one", `${block("!!!!")}${GOOD}`),
  set("a good one, then broken base64", `${GOOD}${block("!!!!")}`),
  set("two certificates in one block", wrap(Buffer.concat([certificateDer, certificateDer]))),
  set("trailing bytes in the block", wrap(Buffer.concat([certificateDer, Buffer.from([0])]))),
  set("a cut certificate", wrap(certificateDer.subarray(0, -1))),
  set("carriage returns", GOOD.replaceAll("\n", "\r\n")),
  set("unfinished", `${begin}\n${rest.join("\n")}\n`),
  set("not for this key", OTHER),
  {
    name: "certificate: no base64",
    given: [post(csr())],
    asked: [put("/status", csr({ status: { certificate: "!!" } })), get()],
  },
];

const GIVEN = [post(csr()), put("/status", status(GOOD))];

const CHANGES: readonly Row[] = [
  { name: "certificate: through main", given: [post(csr())], asked: [put("", status(GOOD)), get()] },
  { name: "certificate: through approval", given: [post(csr())], asked: [put("/approval", status(GOOD)), get()] },
  {
    name: "certificate: broken, through approval",
    given: [post(csr())],
    asked: [put("/approval", status("x")), get()],
  },
  { name: "certificate: again the same", given: GIVEN, asked: [put("/status", status(GOOD)), get()] },
  { name: "certificate: another", given: GIVEN, asked: [put("/status", status(OTHER)), get()] },
  { name: "certificate: one more", given: GIVEN, asked: [put("/status", status(GOOD + OTHER)), get()] },
  { name: "certificate: one more line end", given: GIVEN, asked: [put("/status", status(`${GOOD}\n`)), get()] },
  { name: "certificate: another that is none", given: GIVEN, asked: [put("/status", status("x")), get()] },
  { name: "certificate: removed", given: GIVEN, asked: [put("/status", csr()), get()] },
  { name: "certificate: removed through main", given: GIVEN, asked: [put("", csr()), get()] },
  { name: "certificate: removed through approval", given: GIVEN, asked: [put("/approval", csr()), get()] },
  {
    name: "certificate: approved afterwards",
    given: GIVEN,
    asked: [put("/approval", withConditions(APPROVED)), get()],
  },
  {
    name: "certificate: with a condition",
    given: [post(csr()), put("/approval", withConditions(APPROVED))],
    asked: [
      put(
        "/status",
        csr({
          status: { conditions: [APPROVED, condition("Custom")], certificate: Buffer.from(GOOD).toString("base64") },
        }),
      ),
      get(),
    ],
  },
  {
    name: "certificate: bad, with bad conditions",
    given: [post(csr())],
    asked: [put("/status", csr({ status: { conditions: [{}, APPROVED], certificate: "eA==" } }))],
  },
];

/** What may stand in `status.certificate` and who may put it there. */
export const CERTIFICATE: readonly Row[] = [...FORMS, ...CHANGES];
