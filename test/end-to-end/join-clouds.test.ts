import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { pemFile, pinnedCertificates } from "../builders/attestor-files.ts";
import { AWS_ACCOUNT, AWS_INSTANCE, identityDocument } from "../builders/aws.ts";
import {
  AZURE_SUBSCRIPTION,
  AZURE_VM,
  attestedDocument,
  azureAuthorities,
  azureSigned,
  azureSigner,
} from "../builders/azure.ts";
import { buildChainCertificate } from "../builders/certificate-chain.ts";
import { opensslCms } from "../builders/openssl-cms.ts";
import { buildSignedToken, buildTokenKey, jwksText, type TokenKey } from "../builders/signed-tokens.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { AwsApi, type AwsCaller } from "../fakes/aws-api.ts";
import { MetadataServer } from "../fakes/metadata-server.ts";
import { AttestingHost, startAuthority } from "./support/attesting-host.ts";
import type { GatehouseProcess } from "./support/gatehouse-process.ts";

jest.setTimeout(240_000);

const ISSUER = "https://issuer.example";
const HOUR_MILLISECONDS = 3_600_000;
const SESSION = "session-of-imds-v2";
const directory = temporaryDirectory();
const at = (name: string): string => join(directory, name);
const ireland = buildChainCertificate({ commonName: "Ireland", keyAlgorithm: "rsa-2048" });
const instance: AwsCaller = {
  credentials: {
    accessKeyId: "ASIANODEEXAMPLE00000",
    secretAccessKey: "node/secret",
    sessionToken: "IQoJb3JpZ2luX2VjE",
  },
  account: AWS_ACCOUNT,
  arn: `arn:aws:sts::${AWS_ACCOUNT}:assumed-role/nodes/${AWS_INSTANCE}`,
};

const { root, top, issuing } = azureAuthorities();
const signer = azureSigner({ issuer: issuing });

const metadata = new MetadataServer();
const sts = new AwsApi(instance);
let stsHost: string;
let key: TokenKey;
let authority: GatehouseProcess;
let host: AttestingHost;

beforeAll(async () => {
  await metadata.start();
  const endpoint = await sts.listen();
  stsHost = new URL(endpoint).host;
  key = await buildTokenKey("RS256", "one");
  writeFileSync(at("jwks.json"), jwksText(key));
  makeHostCertificate();
  authority = await startAuthority([
    {
      ...{ name: "ssh", attestor: "sshpop", hostAuthorities: at("ssh_ca.pub"), domain: "nodes.example" },
      ...{ nodeName: "{principal - .nodes.example}", firstUse: true },
    },
    {
      ...{ name: "documents", attestor: "aws_iid", accounts: [AWS_ACCOUNT], regions: ["eu-west-1"] },
      ...{ certificates: pinnedCertificates({ "eu-west-1": ireland }), nodeName: "iid-{instance_id}", firstUse: true },
    },
    {
      ...{ name: "roles", attestor: "aws_sts", accounts: [AWS_ACCOUNT], roles: ["nodes"] },
      ...{ sts: { endpoints: [endpoint], allowPlainHttp: true }, nodeName: "sts-{instance_id}", firstUse: true },
    },
    {
      ...{ name: "gcp", attestor: "gcp_iit", projects: ["prod-1"], keys: { file: at("jwks.json") } },
      ...{ nodeName: "{instance_name}", firstUse: true },
    },
    {
      ...{ name: "tokens", attestor: "oidc", issuer: ISSUER, keys: { file: at("jwks.json") }, algorithms: ["RS256"] },
      ...{ requiredClaims: { fleet: "blue" }, machineIdClaim: "sub" },
      fields: { machine: { claim: "sub", pattern: "machine:([a-z0-9-]+)" } },
      ...{ nodeName: "oidc-{machine}", firstUse: true },
    },
    {
      ...{ name: "azure", attestor: "azure_imds", subscriptions: [AZURE_SUBSCRIPTION], roots: pemFile(root) },
      ...{ nodeName: "{vm_id}", firstUse: true },
    },
  ]);
});
afterAll(async () => {
  await metadata.stop();
  await sts.close();
  await authority?.remove();
});
beforeEach(() => {
  host = new AttestingHost(authority);
});

function makeHostCertificate(): void {
  for (const name of ["ssh_ca", "ssh_host_ed25519_key"]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(name)]);
  }
  const args = ["-q", "-s", at("ssh_ca"), "-I", "node-1", "-h", "-n", "node-1.nodes.example", "-V", "+1h"];
  execFileSync("ssh-keygen", [...args, at("ssh_host_ed25519_key.pub")]);
}

/** IMDSv2 of an instance that was launched just now. */
function ec2(): void {
  const document = identityDocument({ pendingTime: `${new Date().toISOString().slice(0, 19)}Z` });
  const { accessKeyId, secretAccessKey, sessionToken } = instance.credentials;
  const paths: Readonly<Record<string, string>> = {
    "/latest/dynamic/instance-identity/rsa2048": opensslCms(
      document,
      ireland,
      "-stream",
      "-nocerts",
      "-nosmimecap",
    ).toString("base64"),
    "/latest/meta-data/placement/region": "eu-west-1",
    "/latest/meta-data/iam/security-credentials/": "nodes",
    "/latest/meta-data/iam/security-credentials/nodes": JSON.stringify({
      ...{ AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken },
    }),
  };
  metadata.answers(({ method, headers }, { pathname }) => {
    if (method === "PUT") return { body: SESSION };
    const body = paths[pathname];
    return body === undefined || headers["x-aws-ec2-metadata-token"] !== SESSION ? undefined : { body };
  });
}

const metadataUrl = (): readonly string[] => ["--metadata-url", metadata.url.href];

describe("from evidence to the certificate in one go", () => {
  test("an SSH host certificate", async () => {
    const outcome = await host.join(
      "--attestor",
      "sshpop",
      "--evidence-key",
      at("ssh_host_ed25519_key"),
      "--certificate",
    );
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(host.subject).toBe("O=system:nodes\nCN=system:node:node-1");
  });

  test("the identity document of an EC2 instance, once", async () => {
    ec2();
    const args = ["--attestor", "aws_iid", ...metadataUrl(), "--certificate"];
    const outcome = await host.join(...args);
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(host.subject).toBe(`O=system:nodes\nCN=system:node:iid-${AWS_INSTANCE}`);
    // Whoever has seen the document could show it again.
    const again = await new AttestingHost(authority).join(...args);
    expect([again.code, again.stderr]).toEqual([4, expect.stringContaining("or has attested before")]);
  });

  test("the role of an EC2 instance, which STS confirms", async () => {
    ec2();
    const args = ["--attestor", "aws_sts", ...metadataUrl(), "--sts-host", stsHost, "--certificate"];
    const outcome = await host.join(...args);
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(host.subject).toBe(`O=system:nodes\nCN=system:node:sts-${AWS_INSTANCE}`);
  });

  test("the identity token of a Google Compute Engine machine", async () => {
    const seconds = Math.floor(Date.now() / 1000);
    const compute = {
      ...{
        project_id: "prod-1",
        project_number: 739419398126,
        zone: "europe-west1-b",
        instance_id: "152986662232938449",
      },
      ...{ instance_name: "gce-1", instance_creation_timestamp: seconds - 600 },
    };
    metadata.answers(async ({ headers }, url) => {
      const claims = {
        ...{ iss: "https://accounts.google.com", sub: "1", azp: "1", email: "sa@prod-1.iam.gserviceaccount.com" },
        ...{ aud: url.searchParams.get("audience"), google: { compute_engine: compute } },
      };
      const isAsked = headers["metadata-flavor"] === "Google" && url.searchParams.get("format") === "full";
      return isAsked ? { body: await buildSignedToken({ key, now: new Date(), claims }) } : undefined;
    });
    const outcome = await host.join("--attestor", "gcp_iit", ...metadataUrl(), "--certificate");
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(host.subject).toBe("O=system:nodes\nCN=system:node:gce-1");
  });

  test("the attested document of an Azure virtual machine", async () => {
    metadata.answers(({ headers }, url) => {
      if (headers["metadata"] !== "true") return undefined;
      if (url.pathname !== "/metadata/attested/document") return { body: "/subscriptions/1/resourceGroups/a" };
      const times = { createdOn: azureTime(Date.now()), expiresOn: azureTime(Date.now() + 6 * HOUR_MILLISECONDS) };
      const document = attestedDocument({ nonce: url.searchParams.get("nonce"), timeStamp: times });
      const signature = azureSigned(signer, document, issuing, top).toString("base64");
      return { body: JSON.stringify({ encoding: "pkcs7", signature }) };
    });
    const outcome = await host.join("--attestor", "azure_imds", ...metadataUrl(), "--certificate");
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(host.subject).toBe(`O=system:nodes\nCN=system:node:${AZURE_VM}`);
  });

  test("a token that a program gets from an OpenID provider for this challenge", async () => {
    metadata.answers(async (_, url) => {
      const claims = { iss: ISSUER, aud: url.searchParams.get("audience"), sub: "machine:m-7", fleet: "blue" };
      return { body: await buildSignedToken({ key, now: new Date(), claims }) };
    });
    const program = host.at("get-token.mjs");
    const ask = `const answer = await fetch("${metadata.url}?audience=" + encodeURIComponent(process.argv[2]));`;
    writeFileSync(program, `#!${process.execPath}\n${ask}\nconsole.log(await answer.text());\n`, { mode: 0o755 });
    const outcome = await host.join("--attestor", "oidc", "--evidence-command", program, "--certificate");
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(host.subject).toBe("O=system:nodes\nCN=system:node:oidc-m-7");
  });
});

/** `MM/DD/YY HH:MM:SS -0000` */
function azureTime(milliseconds: number): string {
  const [date = "", time = ""] = new Date(milliseconds).toISOString().slice(0, 19).split("T");
  const [year = "", month, day] = date.split("-");
  return `${month}/${day}/${year.slice(2)} ${time} -0000`;
}
