import {
  challengeAnswerSchema,
  challengeRequestSchema,
  completeAnswerSchema,
  completeRequestSchema,
} from "../../../shared/attestation/wire.ts";
import { machine, machineChange, machineEnrollment, machineList, machineListQuery } from "./machine-resources.ts";
import { answer, type Json, json, operation, pathParameter, queryParameters, toSchema } from "./open-api-parts.ts";

export const ATTESTATION_SCHEMAS = {
  Machine: machine,
  MachineList: machineList,
  AttestationChallenge: challengeAnswerSchema,
  AttestedCredential: completeAnswerSchema,
} as const;

/** The bodies that are sent. */
export function attestationInputs(): Json {
  return {
    MachineEnrollment: toSchema(machineEnrollment, "input"),
    MachineChange: toSchema(machineChange, "input"),
    AttestationChallengeRequest: toSchema(challengeRequestSchema, "input"),
    AttestationProof: toSchema(completeRequestSchema, "input"),
  };
}

const MACHINE = [
  pathParameter("attestor", "The kind of attestor, e.g. tpm2."),
  pathParameter("id", "What the attestor calls the machine, percent-encoded."),
];

/** What the OpenAPI document says of machines and of the attestation protocol. */
export function attestationPaths(): Json {
  return {
    "/v1/machines": {
      get: {
        ...operation("listMachines", "Machines that attested or were enrolled.", answer("MachineList")),
        parameters: queryParameters(machineListQuery),
      },
      post: {
        ...operation(
          "enrollMachines",
          "Puts machines down, or changes what was written down about them; all or none.",
          answer("MachineList"),
        ),
        requestBody: { required: true, content: json("MachineEnrollment") },
      },
    },
    "/v1/machines/{attestor}/{id}": {
      parameters: MACHINE,
      get: operation("readMachine", "A machine, and which nodes it is and was.", answer("Machine")),
    },
    "/v1/machines/{attestor}/{id}/release": change(
      "releaseMachine",
      "Ends a machine's binding and ban and forgets its pins: it attests as for the first time.",
    ),
    "/v1/machines/{attestor}/{id}/ban": change("banMachine", "Ends a machine's binding, and refuses it from then on."),
    "/v1/attest/challenge": protocol(
      "challengeMachine",
      "A machine says what it will prove itself by. Anybody may ask; nothing is stored.",
      ["AttestationChallengeRequest", "AttestationChallenge"],
    ),
    "/v1/attest/complete": protocol(
      "attestMachine",
      "A machine shows its evidence, and gets a credential for one request under one node's name.",
      ["AttestationProof", "AttestedCredential"],
    ),
  };
}

function change(operationId: string, summary: string): Json {
  const post = { ...operation(operationId, summary, answer("Machine")) };
  return { parameters: MACHINE, post: { ...post, requestBody: { required: false, content: json("MachineChange") } } };
}

function protocol(operationId: string, summary: string, [body, result]: readonly [string, string]): Json {
  return {
    post: {
      ...operation(operationId, summary, answer(result)),
      requestBody: { required: true, content: json(body) },
    },
  };
}
