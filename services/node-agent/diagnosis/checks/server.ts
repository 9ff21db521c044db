import { existsSync } from "node:fs";
import { z } from "zod";
import { error, type Finding, messageOf, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import { NODE_USER_PREFIX } from "../../../shared/node-identity.ts";
import { AgentError } from "../../agent-error.ts";
import { type Answer, askedServer, statusMessage } from "../../api/asked-server.ts";
import { readCredential } from "../../certificates/credential-files.ts";
import { privateKeyPem } from "../../certificates/private-key.ts";
import { currentFile } from "../../joining/node-files.ts";
import type { NodeCheck } from "../contract.ts";

const REVIEW_PATH = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const REVIEW = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
const SET_CLOCK = "set the clock (timedatectl set-ntp true), then look again";
/** HTTP dates have whole seconds, and the way takes some. */
const TOLERATED_SECONDS = 5;
/** What certificates are backdated by. */
const BACKDATE_SECONDS = 300;

const reviewSchema = z.object({ status: z.object({ userInfo: z.object({ username: z.string() }) }) });

export const reachableServer: NodeCheck = {
  id: "node.server",
  title: "whether the server answers, and is the one that is trusted",
  async run({ server, withoutServer }, signal) {
    if (server === undefined) return [skipped("server", withoutServer)];
    const { href } = server.address.url;
    const answer = await ask(() => server.ask({ method: "GET", path: "/version", signal }));
    if (!("problem" in answer)) return [ok(href, `answers, and is trusted (${answer.status} for /version)`)];
    return [error(href, answer.problem, answer.wayOut)];
  },
};

export const clockAgainstServer: NodeCheck = {
  id: "node.clock",
  title: "this host's clock against the server's",
  async run({ server, withoutServer, clock }, signal) {
    if (server === undefined) return [skipped("clock", withoutServer)];
    const before = clock.now().getTime();
    const answer = await ask(() => server.ask({ method: "GET", path: "/version", signal }));
    if ("problem" in answer) return [skipped("clock", "the server did not answer; see node.server")];
    if (answer.date === undefined) return [skipped("clock", "the server answered without a Date")];
    const middle = (before + clock.now().getTime()) / 2;
    const seconds = Math.round((answer.date.getTime() - middle) / 1000);
    const text = `the server's clock is ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} this host's`;
    if (Math.abs(seconds) <= TOLERATED_SECONDS) return [ok("clock", "is the server's")];
    if (Math.abs(seconds) < BACKDATE_SECONDS) return [warning("clock", text, SET_CLOCK)];
    return [error("clock", `${text}; new certificates are not valid at once`, SET_CLOCK)];
  },
};

export const acceptedCertificate: NodeCheck = {
  id: "node.accepted",
  title: "whether the server takes the client certificate for this node's",
  async run({ server, withoutServer, settings, nodeName }, signal) {
    const path = currentFile(settings.certificateDirectory);
    if (!existsSync(path)) return [skipped(path, "there is no client certificate yet")];
    if (server === undefined) return [skipped(path, withoutServer)];
    const { chainPem, key } = await readCredential({ certificateFile: path, keyFile: undefined });
    const asNode = askedServer(server.address, { certificatePem: chainPem, keyPem: privateKeyPem(key) });
    const body = JSON.stringify(REVIEW);
    const answer = await ask(() => asNode({ method: "POST", path: REVIEW_PATH, body, signal }));
    if ("problem" in answer) return [skipped(path, "the server did not answer; see node.server")];
    return [acceptance(path, answer, nodeName)];
  },
};

function acceptance(path: string, { status, text }: Answer, nodeName: string): Finding {
  if (status === 401) {
    const wayOut = "ask why (gatehouse node show), then gatehouse join --certificate --replace";
    return error(path, "the server does not take it: it may be revoked, or of another CA", wayOut);
  }
  const username = usernameIn(text);
  if (username === undefined) return skipped(path, `the server answered ${status}: ${statusMessage(text)}`);
  if (username === `${NODE_USER_PREFIX}${nodeName}`) return ok(path, `the server takes it for ${username}`);
  return error(
    path,
    `the server takes it for ${username}, not for node ${nodeName}`,
    "gatehouse join --certificate --replace",
  );
}

function usernameIn(text: string): string | undefined {
  try {
    return reviewSchema.parse(JSON.parse(text)).status.userInfo.username;
  } catch {
    return undefined;
  }
}

async function ask(
  work: () => Promise<Answer>,
): Promise<Answer | { readonly problem: string; readonly wayOut: string }> {
  try {
    return await work();
  } catch (thrown) {
    const isTrusted = !(thrown instanceof AgentError && thrown.failure === "untrusted");
    const wayOut = isTrusted
      ? "check the address in the kubeconfig, the network and whether the server runs"
      : "compare the CA in the kubeconfig with the server's: gatehouse issuer list";
    return { problem: messageOf(thrown), wayOut };
  }
}
