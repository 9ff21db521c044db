import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { userReader } from "../../services/certificate-authority/access/authenticators/claim-mappings.ts";
import { jwtSettingsSchema } from "../../services/certificate-authority/access/authenticators/jwt-settings.ts";
import { buildSignedToken, buildTokenKey, jwksText, type TokenKey } from "../builders/signed-tokens.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity } from "../builders/tls-identity.ts";
import { CLAIM_ROWS, type ClaimRow, REFUSED_THERE } from "./conformance/claim-rows.ts";
import { HttpsClient } from "./support/https-client.ts";
import { makeAuthority } from "./support/openssl-authority.ts";
import {
  findControlPlane,
  type KubernetesPrograms,
  type RealApiserver,
  startRealApiserver,
} from "./support/real-apiserver.ts";

jest.setTimeout(180_000);

const SELF_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const AUDIENCE = "gatehouse";
const CONFIGURATION = { apiVersion: "apiserver.config.k8s.io/v1", kind: "AuthenticationConfiguration" };
/** As many as one kube-apiserver takes. */
const MAXIMUM_ISSUERS = 64;
/** How long kube-apiserver may take to fetch the keys of all issuers. */
const READY_MILLISECONDS = 60_000;

const programs = findControlPlane();
const describeBesideKubernetes = programs === undefined ? describe.skip : describe;
/** A machine without them has nothing to compare with; its run says so by one skipped test. */
const shown = programs === undefined ? CLAIM_ROWS.slice(0, 1) : CLAIM_ROWS;

interface Who {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}
/** Who the claims name; undefined for nobody. */
type Answer = Who | undefined;

const settingsOf = ({ settings }: ClaimRow, url: string) => ({
  issuer: { url, audiences: [AUDIENCE] },
  ...{ claimValidationRules: [], userValidationRules: [], ...settings },
});

function ours(row: ClaimRow): Answer {
  const read = userReader(jwtSettingsSchema.parse(settingsOf(row, "https://login.example.com")));
  const seconds = Math.floor(Date.now() / 1000);
  try {
    return normalised(read({ sub: "alice", iat: seconds, exp: seconds + 3600, ...row.claims }));
  } catch (error) {
    expect(error).toMatchObject({ name: "ClaimsError" });
    return undefined;
  }
}

function normalised({ username = "", uid = "", groups = [], extra = {} }: Who): Who {
  return { username, uid, groups: [...groups].sort(), extra };
}

function startWith(kubernetes: KubernetesPrograms, jwt: readonly object[]): Promise<RealApiserver> {
  const directory = temporaryDirectory();
  const file = join(directory, "authentication.json");
  writeFileSync(file, JSON.stringify({ ...CONFIGURATION, jwt }));
  const authority = makeAuthority(directory, { commonName: "kubernetes", kind: "ecdsa-p384" });
  const more = [`--authentication-config=${file}`];
  return startRealApiserver({ programs: kubernetes, directory, authority, arguments: more });
}

describeBesideKubernetes("beside kube-apiserver, if KUBEBUILDER_ASSETS has it", () => {
  let key: TokenKey;
  let issuers: Server;
  let base: string;
  const apiservers: RealApiserver[] = [];

  beforeAll(async () => {
    if (programs === undefined) return;
    const tls = await buildTlsIdentity();
    key = await buildTokenKey("RS256");
    issuers = createServer(
      { cert: tls.serving.certificatePem, key: tls.serving.privateKeyPem },
      (request, response) => {
        const issuer = base + (request.url ?? "").replace("/.well-known/openid-configuration", "");
        const configuration = {
          ...{ issuer, jwks_uri: `${base}/keys`, authorization_endpoint: `${base}/a`, token_endpoint: `${base}/t` },
          ...{ response_types_supported: ["id_token"], subject_types_supported: ["public"] },
          id_token_signing_alg_values_supported: ["RS256"],
        };
        response.setHeader("content-type", "application/json");
        response.end(request.url === "/keys" ? jwksText(key) : JSON.stringify(configuration));
      },
    );
    await new Promise<void>((resolve) => issuers.listen(0, "127.0.0.1", resolve));
    base = `https://127.0.0.1:${(issuers.address() as AddressInfo).port}`;
    const jwt = CLAIM_ROWS.map((row, index) => {
      const { issuer, ...settings } = settingsOf(row, `${base}/${index}`);
      return { issuer: { ...issuer, certificateAuthority: tls.caPem }, ...settings };
    });
    for (let first = 0; first < jwt.length; first += MAXIMUM_ISSUERS) {
      apiservers.push(await startWith(programs, jwt.slice(first, first + MAXIMUM_ISSUERS)));
    }
    await ready();
  });
  afterAll(async () => {
    for (const apiserver of apiservers) await apiserver.stop();
    issuers?.close();
  });

  async function theirs(row: ClaimRow): Promise<Answer> {
    const index = CLAIM_ROWS.indexOf(row);
    const apiserver = apiservers[Math.floor(index / MAXIMUM_ISSUERS)];
    const iss = `${base}/${index}`;
    const token = await buildSignedToken({ key, now: new Date(), claims: { iss, aud: AUDIENCE, ...row.claims } });
    const client = new HttpsClient(apiserver?.url ?? "", { caPem: apiserver?.masters.caPem ?? "", token });
    const body = JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" });
    const answer = await client.send("POST", SELF_REVIEW, { headers: { "content-type": "application/json" }, body });
    client.close();
    if (answer.status === 401) return undefined;
    expect([answer.status, answer.body.toString()]).toEqual([201, expect.any(String)]);
    return normalised((JSON.parse(answer.body.toString()) as { status: { userInfo: Who } }).status.userInfo);
  }

  test("what kube-apiserver refuses at start is refused here, but for what is said", async () => {
    if (programs === undefined) return;
    const jwt = REFUSED_THERE.map(({ expression }, index) => {
      const url = `https://login.example.com/${index}`;
      return { issuer: { url, audiences: [AUDIENCE] }, claimMappings: { username: { expression } } };
    });
    const refusal = await startWith(programs, jwt).then(
      () => "",
      (error: Error) => error.message,
    );
    const theirs = jwt.map((_one, index) => refusal.includes(`jwt[${index}].claimMappings.username.expression`));
    expect(theirs).toEqual(jwt.map(() => true));
    const ours = jwt.map((one) => jwtSettingsSchema.safeParse(one).success);
    expect(ours).toEqual(REFUSED_THERE.map(({ accepted }) => accepted !== undefined));
  });

  /** Every row that names somebody here has to there, or the keys of its issuer are still being fetched. */
  async function ready(): Promise<void> {
    const waiting = new Set(CLAIM_ROWS.filter((row) => row.theirs !== "nobody" && ours(row) !== undefined));
    for (const end = Date.now() + READY_MILLISECONDS; waiting.size > 0 && Date.now() < end; await wait(500)) {
      for (const row of waiting) if ((await theirs(row)) !== undefined) waiting.delete(row);
    }
  }

  test.each(shown)("$name", async (row) => {
    const answers = { ours: ours(row), theirs: await theirs(row) };
    if (row.difference === undefined) expect(answers.ours).toEqual(answers.theirs);
    else expect(answers.ours).not.toEqual(answers.theirs);
    expect(answers.ours === undefined ? "nobody" : "somebody").toBe(row.ours ?? "somebody");
  });
});
