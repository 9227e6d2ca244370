//! A cable to a server, in the hands of a test: it can be cut.

use std::sync::Arc;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch::{self, Sender},
};

/// Carries connections to a server here, whatever is said on them. Cut, it carries none.
pub struct Cable {
    /// Where it begins.
    pub port: u16,
    whole: Arc<Sender<bool>>,
}

impl Cable {
    /// A cable to the server that listens on `port` here.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, whole) = (listener.local_addr().unwrap().port(), Arc::new(watch::channel(true).0));
        let carrying = Arc::clone(&whole);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut whole = carrying.subscribe();
                tokio::spawn(async move {
                    let carried = async {
                        let mut far = TcpStream::connect(("127.0.0.1", port)).await?;
                        copy_bidirectional(&mut near, &mut far).await
                    };
                    tokio::select! {
                        _ = whole.wait_for(|whole| !whole) => {}
                        _ = carried => {}
                    }
                });
            }
        });
        Self { port: near, whole }
    }

    /// Ends all connections, and lets no new one come about.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }
}
