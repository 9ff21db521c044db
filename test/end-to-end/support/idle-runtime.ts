import { type handleUnaryCall, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import protobuf from "protobufjs";

/** As much of the protocol as says something. Source: kubernetes staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto. */
const { root } = protobuf.parse(
  `syntax = "proto3";
   package runtime;
   message Version { string version = 1; string runtime_name = 2; string runtime_version = 3; string runtime_api_version = 4; }
   message Condition { string type = 1; bool status = 2; }
   message RuntimeStatus { repeated Condition conditions = 1; }
   message Status { RuntimeStatus status = 1; }
   message Linux { int32 cgroup_driver = 1; }
   message RuntimeConfig { Linux linux = 1; }
   message Empty {}`,
  { keepCase: true },
);

const CGROUPFS = 1;

const ANSWERS: Readonly<Record<string, readonly [type: string, content: object]>> = {
  Version: ["Version", { version: "0.1.0", runtime_name: "idle", runtime_version: "1.0.0", runtime_api_version: "v1" }],
  Status: [
    "Status",
    { status: { conditions: ["RuntimeReady", "NetworkReady"].map((type) => ({ type, status: true })) } },
  ],
  RuntimeConfig: ["RuntimeConfig", { linux: { cgroup_driver: CGROUPFS } }],
};

/** What a kubelet without pods asks; everything else is answered with the status Unimplemented. */
const METHODS = {
  RuntimeService: [
    ...["Version", "Status", "RuntimeConfig", "UpdateRuntimeConfig", "ListPodSandbox", "ListContainers"],
    ...["ListContainerStats", "ListPodSandboxStats", "ListPodSandboxMetrics", "ListMetricDescriptors"],
  ],
  ImageService: ["ListImages", "ImageFsInfo"],
} as const;

function answerTo(method: string): Buffer {
  const [type, content] = ANSWERS[method] ?? ["Empty", {}];
  return Buffer.from(root.lookupType(`runtime.${type}`).encode(content).finish());
}

/** A container runtime that is well and has nothing to run, so that a kubelet comes all the way up. */
export class IdleRuntime {
  readonly endpoint: string;
  readonly #server = new Server();

  constructor(socket: string) {
    this.endpoint = `unix://${socket}`;
    for (const [service, methods] of Object.entries(METHODS)) {
      this.#server.addService(definitionOf(service, methods), handlersOf(methods));
    }
  }

  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, port: number): void => (error === null ? resolve(port) : reject(error));
      this.#server.bindAsync(this.endpoint, ServerCredentials.createInsecure(), done);
    });
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

function definitionOf(service: string, methods: readonly string[]): ServiceDefinition {
  const asItIs = (value: Buffer): Buffer => value;
  const one = (method: string) => ({
    path: `/runtime.v1.${service}/${method}`,
    requestStream: false as const,
    responseStream: false as const,
    ...{ requestSerialize: asItIs, requestDeserialize: asItIs, responseSerialize: asItIs, responseDeserialize: asItIs },
  });
  return Object.fromEntries(methods.map((method) => [method, one(method)]));
}

function handlersOf(methods: readonly string[]): Record<string, handleUnaryCall<Buffer, Buffer>> {
  return Object.fromEntries(methods.map((method) => [method, (_call, answer) => answer(null, answerTo(method))]));
}
