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

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: new URL("graphql", document.baseURI).href }),
    defaultQuery: welcome,
    defaultHeaders: '{\n  "Authorization": "Bearer TOKEN"\n}\n',
    defaultEditorToolsVisibility: "headers",
    shouldPersistHeaders: false,
  }),
);
