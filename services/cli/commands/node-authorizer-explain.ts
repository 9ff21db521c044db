import type { Command } from "commander";
import type { ApiClient } from "../api-client.ts";
import { usageError } from "../command-error.ts";
import { explain } from "../explain.ts";
import type {
  AskedGraph,
  ChangeList,
  Drain,
  LoadNodeAuthorizer,
  NodeExplanation,
  ObjectRef,
  ReadableObjects,
  ReaderList,
} from "../node-authorizer.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

interface GraphOptions extends ConnectionOptions, FormatOptions {
  readonly objects?: string;
  readonly featureGates: string;
}

/** What people call resources, as the API does. */
const PLURALS: Readonly<Record<string, { readonly resource: string; readonly group: string }>> = {
  secret: { resource: "secrets", group: "" },
  configmap: { resource: "configmaps", group: "" },
  cm: { resource: "configmaps", group: "" },
  pod: { resource: "pods", group: "" },
  po: { resource: "pods", group: "" },
  node: { resource: "nodes", group: "" },
  serviceaccount: { resource: "serviceaccounts", group: "" },
  sa: { resource: "serviceaccounts", group: "" },
  persistentvolumeclaim: { resource: "persistentvolumeclaims", group: "" },
  pvc: { resource: "persistentvolumeclaims", group: "" },
  persistentvolume: { resource: "persistentvolumes", group: "" },
  pv: { resource: "persistentvolumes", group: "" },
  volumeattachment: { resource: "volumeattachments", group: "storage.k8s.io" },
  resourceclaim: { resource: "resourceclaims", group: "resource.k8s.io" },
  resourceslice: { resource: "resourceslices", group: "resource.k8s.io" },
  lease: { resource: "leases", group: "coordination.k8s.io" },
  csinode: { resource: "csinodes", group: "storage.k8s.io" },
};

function withGraph(command: Command): Command {
  return withConnection(withFormat(command))
    .option(
      "--objects <file>",
      "objects to look at instead of asking a running node-authorizer; - reads standard input",
    )
    .option("--feature-gates <list>", "with --objects: Kubernetes' feature switches, for example A=true,B=false", "");
}

/** A running node-authorizer, or a graph made here for one question. */
async function withAskedGraph(
  terminal: Terminal,
  load: LoadNodeAuthorizer,
  options: GraphOptions,
  ask: (graph: AskedGraph) => Promise<void>,
): Promise<void> {
  if (options.objects !== undefined) {
    const { graphOfObjects } = await load();
    await ask(await graphOfObjects(options.objects, options.featureGates).catch(explain));
    return;
  }
  if (options.kubeconfig === undefined) {
    throw usageError(
      "give --kubeconfig (admit.kubeconfig of `gatehouse node-authorizer manifests`) to ask a running node-authorizer, or --objects",
    );
  }
  await withClient(terminal, options, (client) => ask(remoteGraph(client)));
}

function remoteGraph(client: ApiClient): AskedGraph {
  return {
    explain: (query) => client.json<NodeExplanation>({ path: "/v1/explain", query: { ...query } }),
    readers: (query) => client.json<ReaderList>({ path: "/v1/readers", query: { ...query } }),
    readable: (node) => client.json<ReadableObjects>({ path: `/v1/nodes/${encodeURIComponent(node)}/objects` }),
    drain: (node) => client.json<Drain>({ path: `/v1/nodes/${encodeURIComponent(node)}/drain` }),
  };
}

export function addNodeAuthorizerExplain(parent: Command, terminal: Terminal, load: LoadNodeAuthorizer): void {
  const command = parent
    .command("explain")
    .summary("why a node may, or may not, reach an object")
    .description("Show the path from an object over a pod to the node, or what is missing for one.")
    .argument("<verb>", "get, list, watch, create, update, patch, delete")
    .argument("<resource>", "for example secret, configmap, pvc, serviceaccounts/token; resource.group for others")
    .argument("[name]", "NAME, or NAMESPACE/NAME")
    .requiredOption("--node <name>", "the node that asks")
    .action(
      (verb: string, resource: string, name: string | undefined, options: GraphOptions & { readonly node: string }) =>
        withAskedGraph(terminal, load, options, async (graph) => {
          const explanation = await graph.explain({
            node: options.node,
            verb,
            ...resourceOf(resource),
            ...nameOf(name),
          });
          writeObject(terminal.stdout, options.format, explanation, () => explanationText(explanation));
        }),
    );
  withExamples(withGraph(command), [
    "gatehouse node-authorizer explain --kubeconfig admit.kubeconfig --node worker-1 get secret shop/database",
    "gatehouse node-authorizer explain --objects cluster.json --node worker-1 get pvc shop/data -o json",
  ]);
}

export function addNodeAuthorizerReach(parent: Command, terminal: Terminal, load: LoadNodeAuthorizer): void {
  const command = parent
    .command("reach")
    .summary("what a node can read, or which nodes can read an object: the blast radius")
    .option("--node <name>", "a node: everything it can read")
    .argument("[resource]", "without --node: the kind of object, for example secret")
    .argument("[name]", "NAMESPACE/NAME of it")
    .action(
      (resource: string | undefined, name: string | undefined, options: GraphOptions & { readonly node?: string }) =>
        withAskedGraph(terminal, load, options, async (graph) => {
          if (options.node !== undefined) {
            const readable = await graph.readable(options.node);
            writeObject(terminal.stdout, options.format, readable, () => objectTable(readable.objects));
            return;
          }
          if (resource === undefined || name === undefined)
            throw usageError("give --node NAME, or a resource and NAMESPACE/NAME");
          const readers = await graph.readers({ ...resourceOf(resource), ...nameOf(name) });
          writeObject(terminal.stdout, options.format, readers, () =>
            formatTable([["NODE", "BY WAY OF"], ...readers.items.map(({ node, path }) => [node, pathText(path)])]),
          );
        }),
    );
  withExamples(withGraph(command), [
    "gatehouse node-authorizer reach --kubeconfig admit.kubeconfig --node worker-1",
    "gatehouse node-authorizer reach --objects cluster.json secret shop/database",
  ]);
}

export function addNodeAuthorizerDrain(parent: Command, terminal: Terminal, load: LoadNodeAuthorizer): void {
  const command = parent
    .command("drain")
    .summary("what draining a node would take away from it")
    .description(
      "Show which objects a node could no longer read once its pods were evicted; mirror and daemon pods stay.",
    )
    .argument("<node>", "name of the node")
    .action((node: string, options: GraphOptions) =>
      withAskedGraph(terminal, load, options, async (graph) => {
        const drain = await graph.drain(node);
        writeObject(terminal.stdout, options.format, drain, () => drainTable(drain));
      }),
    );
  withExamples(withGraph(command), [
    "gatehouse node-authorizer drain --kubeconfig admit.kubeconfig worker-1",
    "gatehouse node-authorizer drain --objects cluster.json worker-1 -o json",
  ]);
}

export function addNodeAuthorizerChanges(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("changes")
    .summary("which nodes gained and lost what after a revision")
    .description("Ask a running node-authorizer what changed; `/v1/graph` tells the revision of now.")
    .requiredOption("--since <revision>", "a revision that was told before")
    .action((options: ConnectionOptions & FormatOptions & { readonly since: string }) => {
      if (options.kubeconfig === undefined) throw usageError("give --kubeconfig: admit.kubeconfig of `manifests`");
      return withClient(terminal, options, async (client) => {
        const list = await client.json<ChangeList>({ path: "/v1/changes", query: { since: options.since } });
        writeObject(terminal.stdout, options.format, list, () => changesTable(list));
      });
    });
  withExamples(withConnection(withFormat(command)), [
    "gatehouse node-authorizer changes --kubeconfig admit.kubeconfig --since 4711",
  ]);
}

function drainTable({ lost, kept }: Drain): string {
  const row = (what: string) => (object: ObjectRef) => [what, object.kind, object.namespace, object.name];
  return formatTable([["", "KIND", "NAMESPACE", "NAME"], ...lost.map(row("lost")), ...kept.map(row("kept"))]);
}

function changesTable({ changes, isComplete, oldestRevision }: ChangeList): string {
  const rows = changes.map(({ revision, change, node, object: { kind, namespace, name } }) => [
    String(revision),
    change,
    node,
    kind,
    namespace,
    name,
  ]);
  const table = formatTable([["REVISION", "", "NODE", "KIND", "NAMESPACE", "NAME"], ...rows]);
  return isComplete ? table : `${table}what came before revision ${oldestRevision} is no longer known\n`;
}

function resourceOf(text: string): { readonly group: string; readonly resource: string; readonly subresource: string } {
  const [whole = "", subresource = ""] = text.toLowerCase().split("/");
  const dot = whole.indexOf(".");
  const named = dot === -1 ? whole : whole.slice(0, dot);
  const known = PLURALS[named] ?? Object.values(PLURALS).find(({ resource }) => resource === named);
  const group = dot === -1 ? (known?.group ?? "") : whole.slice(dot + 1);
  return { group, resource: known?.resource ?? named, subresource };
}

function nameOf(text = ""): { readonly namespace: string; readonly name: string } {
  const [first = "", second, ...rest] = text.split("/");
  if (rest.length > 0) throw usageError(`${text}: give NAME, or NAMESPACE/NAME`);
  return second === undefined ? { namespace: "", name: first } : { namespace: first, name: second };
}

function explanationText({ verdict, reason, path, missing }: NodeExplanation): string {
  const lines = [verdict === "allow" ? "allowed" : "no opinion", ...(reason === "" ? [] : [`  ${reason}`])];
  if (path.length > 0) lines.push(`  ${pathText(path)}`);
  if (missing !== undefined) lines.push(`  missing: ${missing}`);
  return `${lines.join("\n")}\n`;
}

function pathText(path: readonly ObjectRef[]): string {
  return path
    .map(({ kind, namespace, name }) => `${kind} ${namespace === "" ? name : `${namespace}/${name}`}`)
    .join(" → ");
}

function objectTable(objects: readonly ObjectRef[]): string {
  return formatTable([
    ["KIND", "NAMESPACE", "NAME"],
    ...objects.map(({ kind, namespace, name }) => [kind, namespace, name]),
  ]);
}
