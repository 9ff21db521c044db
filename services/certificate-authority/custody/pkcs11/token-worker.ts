import { parentPort, workerData } from "node:worker_threads";
import type { PKCS11 } from "pkcs11js";
import { findToken, initialize, initializeAgain, loadModule } from "./cryptoki.ts";
import type { TokenAddress, TokenAnswer, TokenOperation } from "./messages.ts";
import { TokenFailure, toTokenFailure } from "./token-failure.ts";
import { TokenSession } from "./token-session.ts";

/** The thread of one module. Its calls may block for as long as a device likes; nobody but their callers waits for them. */
const { modulePath } = workerData as { readonly modulePath: string };
const sessions = new Map<string, TokenSession>();
let module: PKCS11 | undefined;

parentPort?.on("message", (operations: readonly TokenOperation[]) => void answer(operations));

async function answer(operations: readonly TokenOperation[]): Promise<void> {
  const answers: TokenAnswer[] = [];
  for (const operation of operations) answers.push(await attempt(operation));
  parentPort?.postMessage(answers);
}

async function attempt(operation: TokenOperation): Promise<TokenAnswer> {
  try {
    module ??= await loadModule(modulePath);
    return perform(module, operation);
  } catch (error) {
    const { kind: failure, message } = toTokenFailure(error);
    return { kind: "failed", failure, message };
  }
}

function perform(loaded: PKCS11, operation: TokenOperation): TokenAnswer {
  switch (operation.kind) {
    case "connect":
      connect(loaded, operation.token, operation.pin);
      return { kind: "connected" };
    case "disconnect":
      disconnect(operation.token);
      return { kind: "well" };
    case "check":
      sessionOf(operation.token).check();
      return { kind: "well" };
    case "findKey":
      return { kind: "key", key: sessionOf(operation.token).findKey(operation.keyLabel) };
    case "makeKey":
      return { kind: "key", key: sessionOf(operation.token).makeKey(operation.keyLabel, operation.algorithm) };
    case "sign": {
      const { token, keyLabel, digest, data } = operation;
      return { kind: "signed", signature: sessionOf(token).sign(keyLabel, digest, data) };
    }
    default:
      return operation satisfies never;
  }
}

function connect(loaded: PKCS11, address: TokenAddress, pin: string): void {
  disconnect(address.name);
  sessions.set(address.name, TokenSession.open(loaded, locate(loaded, address), pin));
}

function disconnect(token: string): void {
  sessions.get(token)?.close();
  sessions.delete(token);
}

/** A module that shows the token no more may have to begin anew; not while another of its tokens is in use. */
function locate(loaded: PKCS11, address: TokenAddress): ReturnType<typeof findToken> {
  try {
    initialize(loaded);
    return findToken(loaded, address);
  } catch (error) {
    if (sessions.size > 0 || toTokenFailure(error).kind !== "lost") throw error;
    initializeAgain(loaded);
    return findToken(loaded, address);
  }
}

function sessionOf(token: string): TokenSession {
  const session = sessions.get(token);
  if (session === undefined) throw new TokenFailure("lost", "there is no session");
  return session;
}
