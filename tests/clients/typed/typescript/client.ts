/** GraphQL over HTTP for the generated documents: what is asked says what may be answered. */

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";

/** One thing that went wrong, as the server tells it. */
export interface Trouble {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: { readonly code?: string };
}

/** What came back. A field that was denied is `null` in `data`, and has its trouble. */
export interface Answer<Data> {
  readonly data: Data | null;
  readonly errors: readonly Trouble[];
}

/** Thrown where an answer without trouble was asked for. */
export class Refused extends Error {
  constructor(readonly troubles: readonly Trouble[]) {
    super(troubles.map((trouble) => `${trouble.extensions?.code ?? "?"}: ${trouble.message}`).join("; "));
  }
}

/** Somebody with a token. */
export class Client {
  constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  /** Asks, and takes what comes. */
  async ask<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Answer<Data>> {
    const response = await fetch(this.url, {
      method: "POST",
      headers: {
        accept: "application/graphql-response+json",
        authorization: `Bearer ${this.token}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ query: print(document), variables }),
    });
    const body = (await response.json()) as { data?: Data | null; errors?: Trouble[] };
    return { data: body.data ?? null, errors: body.errors ?? [] };
  }

  /** Asks for all or nothing. */
  async get<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
    const { data, errors } = await this.ask(document, variables);
    if (data === null || errors.length > 0) throw new Refused(errors);
    return data;
  }
}
