import { z } from "zod";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { Attestations, Binding, Enrollment, Machine } from "../../domain/attestation.ts";
import { formatIpAddress, parseIpAddress } from "../../domain/ip-address.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { type MachineResource, machineChange, machineEnrollment, machineListQuery } from "./machine-resources.ts";
import { API_VERSION, listBody } from "./resources.ts";
import { pathParameter, readJsonBody, readQuery } from "./validation.ts";

const DEFAULT_LIMIT = 100;

export interface MachineDependencies {
  readonly attestations: Pick<Attestations, "machine" | "machines" | "bindingsOf" | "enroll" | "change">;
}

export function machineHandlers({ attestations }: MachineDependencies): {
  readonly list: Handler;
  readonly show: Handler;
  readonly enroll: Handler;
  readonly release: Handler;
  readonly ban: Handler;
} {
  function describe(machine: Machine): MachineResource {
    const { attestor, machineId } = machine;
    const bound = attestations.bindingsOf(attestor, machineId).find(({ state }) => state === "active");
    return { ...describeMachine(machine), ...(bound && { boundTo: bound.nodeName }) };
  }

  async function list(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const query = readQuery(machineListQuery, call.query);
    const limit = Number(query.limit ?? DEFAULT_LIMIT);
    const after = query.continue === undefined ? undefined : decodeToken(query.continue);
    const machines = attestations.machines(after, limit + 1);
    const shown = machines.slice(0, limit);
    const last = machines.length > limit ? shown.at(-1) : undefined;
    sendJson(call.response, 200, listBody("MachineList", shown.map(describe), last && encodeToken(last)));
  }

  async function show(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const { attestor, machineId } = named(call);
    const machine = attestations.machine(attestor, machineId);
    if (machine === undefined) throw noSuchMachine(attestor, machineId);
    const bindings = attestations.bindingsOf(attestor, machineId).map(describeBinding);
    sendJson(call.response, 200, { ...describe(machine), bindings });
  }

  async function enroll(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const { machines } = await readJsonBody(call, machineEnrollment, "MachineEnrollment");
    const enrollments = machines.map(toEnrollment);
    await attestations.enroll(enrollments, call.user.username);
    const enrolled = enrollments.flatMap(({ attestor, machineId }) => attestations.machine(attestor, machineId) ?? []);
    sendJson(call.response, 200, listBody("MachineList", enrolled.map(describe), undefined));
  }

  const change =
    (what: "release" | "ban"): Handler =>
    async (call) => {
      negotiate(call.request.headers.accept, [JSON_TYPE]);
      readQuery(z.strictObject({}), call.query);
      const machine = named(call);
      const { message } = await readJsonBody(call, machineChange, "MachineChange");
      const changed = await attestations.change(machine, what, message, call.user.username);
      if (changed === undefined) throw noSuchMachine(machine.attestor, machine.machineId);
      sendJson(call.response, 200, describe(changed));
    };

  return { list, show, enroll, release: change("release"), ban: change("ban") };
}

function named(call: Call): Pick<Machine, "attestor" | "machineId"> {
  return { attestor: pathParameter(call, 1), machineId: pathParameter(call, 2) };
}

function toEnrollment(given: z.output<typeof machineEnrollment>["machines"][number]): Enrollment {
  const { attestor, machineId, nodeName, dnsNames, ipAddresses } = given;
  const canonical = (text: string): string => {
    const octets = parseIpAddress(text);
    return (octets && formatIpAddress(octets)) ?? text;
  };
  return { attestor, machineId, nodeName, names: { dnsNames, ipAddresses: ipAddresses.map(canonical) } };
}

function describeMachine(machine: Machine): MachineResource {
  const { attestor, machineId, state, isEnrolled, nodeName, names, pins, attestedAt, createdAt } = machine;
  return {
    apiVersion: API_VERSION,
    kind: "Machine",
    ...{ attestor: attestor as MachineResource["attestor"], machineId, state, enrolled: isEnrolled },
    ...(nodeName !== undefined && { nodeName }),
    dnsNames: [...names.dnsNames],
    ipAddresses: [...names.ipAddresses],
    pins,
    ...(attestedAt && { attestedAt: toKubernetesTime(attestedAt) }),
    createdAt: toKubernetesTime(createdAt),
  };
}

function describeBinding({ id, nodeName, state, profile, fields, names, evidenceSha256, ...times }: Binding) {
  return {
    ...{ id, nodeName, state, profile, fields, evidenceSha256 },
    dnsNames: [...names.dnsNames],
    ipAddresses: [...names.ipAddresses],
    createdAt: toKubernetesTime(times.createdAt),
    attestedAt: toKubernetesTime(times.attestedAt),
  };
}

function noSuchMachine(attestor: string, machineId: string): StatusError {
  const details = { kind: "machines", name: machineId };
  const message = `no machine ${JSON.stringify(machineId)} of ${attestor} is on record; /v1/machines lists them`;
  return new StatusError("NotFound", message, { details });
}

function encodeToken({ attestor, machineId }: Machine): string {
  return Buffer.from(JSON.stringify([attestor, machineId])).toString("base64url");
}

/** @throws {StatusError} BadRequest when `token` is none of ours. */
function decodeToken(token: string): Pick<Machine, "attestor" | "machineId"> {
  try {
    const [attestor, machineId] = z
      .tuple([z.string(), z.string()])
      .parse(JSON.parse(Buffer.from(token, "base64url").toString()));
    return { attestor, machineId };
  } catch {
    throw new StatusError("BadRequest", "continue token is not valid");
  }
}
