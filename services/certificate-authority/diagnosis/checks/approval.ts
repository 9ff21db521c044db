import { error, type Finding, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { Configuration } from "../../configuration.ts";
import { compileGlob } from "../../domain/glob.ts";
import { OUR_SIGNERS } from "../../domain/signer-profile.ts";
import type { Check, CheckContext } from "../contract.ts";
import { withConfiguration } from "../with-configuration.ts";

type Approval = Configuration["approval"];

/** Names that guards have in every chain. */
const GUARDS = ["bootstrap-token", "key-policy", "supersede", "first-join", "certificate-rate", "pending-limits"];

interface NamedHook {
  readonly path: string;
  readonly name: string;
  readonly kind: string;
  readonly required: boolean;
  readonly signers: readonly string[] | undefined;
}

export const approvalChain: Check = {
  id: "approval.chain",
  title: "the approval chain: hooks that nobody can satisfy, or that are never asked",
  run: (context) =>
    withConfiguration(context, "approval.hooks", ({ approval, signers }) => {
      const served = [...OUR_SIGNERS, ...signers.map(({ signerName }) => signerName)];
      const found = [
        ...chainFindings(namedHooks(approval.hooks, "approval.hooks"), served),
        ...chainFindings(namedHooks(approval.shadow?.hooks ?? [], "approval.shadow.hooks"), served),
        ...guardFindings(approval.guards),
      ];
      return found.length > 0 ? found : [ok("approval.hooks", `${approval.hooks.length} hooks, each can be satisfied`)];
    }),
};

function namedHooks(hooks: Approval["hooks"], path: string): readonly NamedHook[] {
  return hooks.flatMap((hook, index) =>
    Object.entries(hook).map(([kind, { name = kind, required, signers }]) => ({
      ...{ path: `${path}[${index}]`, name, kind, required, signers },
    })),
  );
}

function chainFindings(hooks: readonly NamedHook[], served: readonly string[]): readonly Finding[] {
  const found: Finding[] = [];
  for (const [index, { path, name, signers }] of hooks.entries()) {
    const isTaken = GUARDS.includes(name) || hooks.findIndex((other) => other.name === name) < index;
    if (isTaken)
      found.push(error(path, `its name ${name} is taken`, "give it another name; the server does not start"));
    const isAsked = signers === undefined || signers.some((pattern) => served.some(compileGlob(pattern)));
    if (!isAsked)
      found.push(
        warning(path, `${name} is never asked: nobody here is the signer ${signers.join(", ")}`, "correct signers"),
      );
  }
  const [first] = hooks;
  if (first !== undefined && hooks.every(({ kind }) => kind === "manual"))
    found.push(
      warning(first.path, "people are all there is: every request waits for one", "add a hook, if that is not meant"),
    );
  else
    for (const { path, kind, required, signers } of hooks)
      if (kind === "manual" && required && signers === undefined)
        found.push(
          warning(
            path,
            "is required for every request: no hook approves alone",
            "limit its signers, if that is not meant",
          ),
        );
  return found;
}

function guardFindings({ firstJoin }: Approval["guards"]): readonly Finding[] {
  if (firstJoin !== "allow") return [];
  const finding = "allow: whoever may join becomes any node that there is, with the approval of hooks alone";
  return [warning("approval.guards.firstJoin", finding, "set it to hold, and approve nodes that are installed anew")];
}

export const approvalInForce: Check = {
  id: "approval.in-force",
  title: "the running server decides by the configuration file as it is now",
  async run(context, signal) {
    const { server, withoutServer } = context;
    if (server === undefined) return [skipped("approval", withoutServer)];
    const answer = await answerOf(context, signal);
    if (answer === undefined) return [skipped(server.url, "does not tell; see server.ready")];
    const { configurationFile: file } = answer;
    if (file === undefined) return [ok(server.url, "runs without a configuration file")];
    const { path, problem, needsRestart } = file;
    const found: Finding[] = [];
    if (problem)
      found.push(error(path, `is not in force: ${problem.message}`, "correct it; it is read again by itself"));
    if (needsRestart.length > 0)
      found.push(
        warning(path, `changed, and taken at the next start: ${needsRestart.join(", ")}`, "restart the server"),
      );
    return found.length > 0 ? found : [ok(path, "is in force")];
  },
};

/** What is read of `GET /v1/approval`. */
interface ApprovalAnswer {
  readonly configurationFile?: {
    readonly path: string;
    readonly problem?: { readonly message: string };
    readonly needsRestart: readonly string[];
  };
}

async function answerOf({ server }: CheckContext, signal: AbortSignal): Promise<ApprovalAnswer | undefined> {
  try {
    const answer = await server?.get("/v1/approval", signal);
    return answer?.status === 200 ? (JSON.parse(answer.body) as ApprovalAnswer) : undefined;
  } catch {
    return undefined;
  }
}
