//! A cable to the server, which can be cut and mended.

use crate::settings;
use authz_spicedb::Settings;
use std::sync::Arc;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch::{self, Sender},
};

/// Carries connections to the tests' server. Dropped, it carries no more.
pub struct Cable {
    address: String,
    whole: Arc<Sender<bool>>,
}

impl Cable {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let server = settings().endpoint.trim_start_matches("http://").to_owned();
        let whole = Arc::new(watch::channel(true).0);
        let carrying = Arc::clone(&whole);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (server, mut state) = (server.clone(), carrying.subscribe());
                tokio::spawn(async move {
                    let carried = async {
                        let mut far = TcpStream::connect(server).await?;
                        copy_bidirectional(&mut near, &mut far).await
                    };
                    tokio::select! {
                        _ = state.wait_for(|whole| !whole) => {}
                        _ = carried => {}
                    }
                });
            }
        });
        Self { address, whole }
    }

    pub fn settings(&self) -> Settings {
        Settings { endpoint: self.address.clone(), ..settings() }
    }

    /// Ends all connections, and lets no new one come about.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}
