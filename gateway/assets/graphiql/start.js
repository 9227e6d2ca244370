// Puts GraphiQL on the page. The token stays in the headers editor: it is not stored.
"use strict";

const welcome = `# Type your token into the headers below, instead of TOKEN, then fetch the
# schema again (the round arrows, bottom left).

query Tasks {
  viewer {
    principal
    tenant
  }
  tasks(first: 10) {
    nodes {
      id
      name
      status
      viewerCan {
        update
        cancel
      }
    }
  }
}
`;

// History and favourites hold headers, and so the token: they last as long as the page.
const passing = new Map();
const isPassing = (key) => key === "graphiql:queries" || key === "graphiql:favorites";
const storage = {
  getItem: (key) => (isPassing(key) ? (passing.get(key) ?? null) : localStorage.getItem(key)),
  setItem: (key, value) => (isPassing(key) ? passing.set(key, value) : localStorage.setItem(key, value)),
  removeItem: (key) => (isPassing(key) ? passing.delete(key) : localStorage.removeItem(key)),
  clear: () => {
    passing.clear();
    localStorage.clear();
  },
  get length() {
    return localStorage.length + passing.size;
  },
};

// Without a token there is nothing to ask: the page says so itself.
const ask = GraphiQL.createFetcher({ url: new URL("graphql", document.baseURI).href });
const fetcher = (params, options) => {
  const typed = Object.values(options?.headers ?? {}).some((value) => !String(value).includes("TOKEN"));
  return typed ? ask(params, options) : Promise.resolve({ errors: [{ message: "Type your token into the headers first." }] });
};

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    storage,
    defaultQuery: welcome,
    defaultHeaders: '{\n  "Authorization": "Bearer TOKEN"\n}\n',
    defaultEditorToolsVisibility: "headers",
    shouldPersistHeaders: false,
  }),
);
