import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parse, stringify } from "yaml";
import { awsIidShape } from "../../services/certificate-authority/attestation/aws-iid/settings.ts";
import { awsStsShape } from "../../services/certificate-authority/attestation/aws-sts/settings.ts";
import { azureImdsShape } from "../../services/certificate-authority/attestation/azure-imds/settings.ts";
import { gcpIitShape } from "../../services/certificate-authority/attestation/gcp-iit/settings.ts";
import { joinTokenShape } from "../../services/certificate-authority/attestation/join-token/settings.ts";
import { oidcShape } from "../../services/certificate-authority/attestation/oidc/settings.ts";
import { psatShape } from "../../services/certificate-authority/attestation/psat/settings.ts";
import { attestationSchema } from "../../services/certificate-authority/attestation/settings.ts";
import { sshpopShape } from "../../services/certificate-authority/attestation/ssh-pop/settings.ts";
import { tpm2Shape } from "../../services/certificate-authority/attestation/tpm2/settings.ts";
import { x509popShape } from "../../services/certificate-authority/attestation/x509-pop/settings.ts";
import { loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { ATTESTOR_KINDS } from "../../services/shared/attestation/wire.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";

const PAGES = join(import.meta.dirname, "../../config/attestation");
const AUDIENCE = "https://node-ca.example/v1/attest";
const directory = temporaryDirectory();

function page(name: string): string {
  return readFileSync(join(PAGES, name), "utf8");
}

/** Blocks of YAML; a list is profiles, anything else parts of a configuration. */
const EXAMPLES = ["README.md", "tpm2.md"].flatMap((name) =>
  [...page(name).matchAll(/```yaml\n(.*?)```/gs)].map(([, text = ""], index) => {
    const content = parse(text) as object;
    const profiles = Array.isArray(content) ? (content as { readonly attestor: string }[]) : undefined;
    const settings = profiles === undefined ? content : { attestation: { audience: AUDIENCE, profiles } };
    return { name: `${name}, block ${index + 1}`, profiles, settings };
  }),
);

test.each(EXAMPLES)("$name is a configuration that can be used", ({ settings }) => {
  const configFile = join(directory, "gatehouse.yaml");
  const head = { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration" };
  writeFileSync(configFile, stringify({ ...head, ...settings }));
  expect(() => loadConfiguration({ configFile })).not.toThrow();
});

test("every attestor has a section with an example of its own", () => {
  const shown = EXAMPLES.flatMap(({ profiles = [] }) => profiles.map(({ attestor }) => attestor));
  expect(new Set(shown)).toEqual(new Set(ATTESTOR_KINDS));
});

function section(heading: string): string {
  const [, text = ""] = page("README.md").split(`\n${heading}\n`);
  return text.split(/^##/m)[0] ?? "";
}

test.each(
  Object.entries({
    join_token: joinTokenShape,
    x509pop: x509popShape,
    sshpop: sshpopShape,
    tpm2: tpm2Shape,
    oidc: oidcShape,
    gcp_iit: gcpIitShape,
    psat: psatShape,
    aws_iid: awsIidShape,
    aws_sts: awsStsShape,
    azure_imds: azureImdsShape,
  }),
)("the section on %s names every setting", (attestor, shape) => {
  const text = section(`### \`${attestor}\``);
  const isNamed = (key: string) => new RegExp(`\`${key}[.\`]`).test(text);
  const keys = Object.keys(shape).filter((key) => key !== "attestor");
  expect(keys.filter((key) => !isNamed(key))).toEqual([]);
});

test("the table of settings has every one, with its default", () => {
  const profiles = [{ name: "tokens", attestor: "join_token" }];
  const { limits, credential, ...others } = attestationSchema.parse({ audience: AUDIENCE, profiles });
  const text = section("## Settings of `attestation`");
  const rows = new Map(
    [...text.matchAll(/^\| (`[^|]+`) \| ([^|]+) \|/gm)].flatMap(([, names = "", value = ""]) =>
      names.split(", ").map((name) => [name.replaceAll("`", ""), value.replaceAll("`", "").trim()] as const),
    ),
  );
  for (const [key, value] of Object.entries(limits))
    expect([key, rows.get(`limits.${key}`)]).toEqual([key, `${value}`]);
  for (const [key, value] of Object.entries(credential))
    expect([key, rows.get(`credential.${key}`)]).toEqual([key, `${value}`]);
  expect(rows.get("onNodeReady")).toBe(others.onNodeReady);
  expect(rows.get("onNameConflict")).toBe(others.onNameConflict);
  const named = new Set([...rows.keys()].map((key) => key.split(".")[0]));
  expect(Object.keys(attestationSchema.shape).filter((key) => !named.has(key))).toEqual([]);
});
